// What an arrival does. k6 starts arrivals at the profile's rate, however slow the answers are (an open model).
import http from 'k6/http';
import { sleep } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';

const plan = JSON.parse(open(__ENV.PLAN));
const people = new SharedArray('people', () => JSON.parse(open(__ENV.PEOPLE)));
const ADDRESS = { street: '123 Test St', city: 'Test City', state: 'TS', zipCode: '12345', country: 'US' };
const PRODUCT = 'prod-123';
const PAYMENT_TRIES = 20;
const LOOKS = 60;
const LOOK_EVERY_SECONDS = 1;

export const options = {
  scenarios: plan.scenarios,
  systemTags: ['status', 'name', 'scenario', 'error_code'],
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
};

function call(method, path, name, body, token, key) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers['Idempotency-Key'] = key;
  return http.request(method, `${__ENV.API}${path}`, body ? JSON.stringify(body) : null, {
    headers, tags: { name }, timeout: '60s',
  });
}

function fresh() {
  return `${exec.scenario.name}-${exec.scenario.iterationInTest}-${__ENV.RUN}`;
}

function somebody() {
  return people[exec.scenario.iterationInTest % people.length];
}

// Who has an order pays it: refused for load, they come again when the answer says, a little later each time.
function pay(order, token) {
  const body = { orderId: order, paymentMethodId: 'pm_card_visa' };
  for (let tries = 1; tries <= PAYMENT_TRIES; tries += 1) {
    const paid = call('POST', '/payments', 'CreatePayment', body, token, `pay-${fresh()}`);
    if (paid.status !== 429 && paid.status !== 503) return paid.status === 201;
    sleep(Number(paid.headers['Retry-After'] || 1) * (1 + Math.random() * tries));
  }
  return false;
}

function buy(token, items) {
  const ordered = call('POST', '/orders', 'CreateOrder', { items, shippingAddress: ADDRESS }, token, `order-${fresh()}`);
  if (ordered.status !== 201) return;
  const order = ordered.json('id');
  if (!pay(order, token)) return;
  for (let look = 0; look < LOOKS; look += 1) {
    sleep(LOOK_EVERY_SECONDS);
    const seen = call('GET', `/orders/${order}`, 'GetOrder', null, token);
    if (seen.status === 200 && seen.json('status') !== 'pending') return;
  }
}

function look(token) {
  call('GET', `/products/${PRODUCT}`, 'GetProduct', null, token);
  buy(token, [{ productId: PRODUCT, quantity: 2, price: 29.99 }]);
}

export function newcomer() {
  const person = { email: `load.${fresh()}@example.com`, password: `pw-${fresh()}-long`, firstName: 'Load', lastName: 'Test' };
  const registered = call('POST', '/users/register', 'Register', person, null, `register-${fresh()}`);
  if (registered.status === 201) look(registered.json('token'));
}

export function customer() {
  look(somebody().token);
}

export function reader() {
  const person = somebody();
  call('GET', `/users/${person.id}`, 'GetUser', null, person.token);
  call('GET', `/orders/${person.order}`, 'GetOrder', null, person.token);
}

export function buyer() {
  buy(somebody().token, [{ productId: plan.product, quantity: 1 }]);
}
