// Shows the AsyncAPI document of this edge: each topic, its publishers, consumers and messages. Texts are never inserted
// as HTML.
"use strict";

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function resolve(api, value) {
  if (!value || !value.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((part, name) => part[name], api);
}

function typeOf(api, schema) {
  const reference = (schema.allOf || [schema]).find((one) => one.$ref);
  if (reference) return reference.$ref.split("/").pop();
  if (schema.type === "array") return `${typeOf(api, schema.items)}[]`;
  return [schema.type, schema.const && `"${schema.const}"`, schema.format].filter(Boolean).join(" ");
}

function fields(api, schema) {
  const table = element("table", "", element("tr", "", element("th", "Field"), element("th", "Type"), element("th", "")));
  for (const [name, field] of Object.entries(schema.properties || {})) {
    const cells = [element("code", name), typeOf(api, field), field.description || ""];
    table.append(element("tr", "", ...cells.map((cell) => element("td", "", cell))));
  }
  return table;
}

function message(api, name, found) {
  const parts = [element("summary", "", element("code", name), ` ${found.summary}`)];
  const key = found.bindings && found.bindings.kafka.key;
  if (key) parts.push(element("p", `Key: ${key.description}`));
  if (found["x-protobuf-message"]) parts.push(element("p", `Protobuf: ${found["x-protobuf-message"]}`));
  const payload = resolve(api, found.payload);
  if (payload.properties) parts.push(fields(api, payload));
  return element("details", "", ...parts);
}

function channel(api, name, found) {
  const made = element("section", "", element("h2", name), element("p", found.description));
  const list = element("ul");
  for (const operation of Object.values(api.operations)) {
    if (operation.channel.$ref !== `#/channels/${name}`) continue;
    const types = operation.messages.map((one) => one.$ref.split("/").pop()).join(", ");
    list.append(element("li", `${operation.title}: ${types}. ${operation.summary}`));
  }
  made.append(list);
  for (const [type, reference] of Object.entries(found.messages)) made.append(message(api, type, resolve(api, reference)));
  return made;
}

function show(api) {
  const page = document.getElementById("events");
  page.append(element("h1", api.info.title));
  for (const paragraph of api.info.description.split("\n\n")) {
    page.append(element("p", paragraph.replaceAll("**", "").replaceAll("`", "")));
  }
  for (const [name, found] of Object.entries(api.channels)) page.append(channel(api, name, found));
  page.append(element("h2", "Headers"), element("p", "Each event has these."));
  page.append(fields(api, api.components.schemas.EventHeaders));
  page.append(element("h2", "Parts of events"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    if (!name.endsWith("Headers")) page.append(element("details", "", element("summary", name), fields(api, schema)));
  }
}

fetch("/asyncapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`the edge answered ${answer.status}`))))
  .then(show)
  .catch((error) => document.getElementById("events").append(element("p", `The events cannot be shown: ${error.message}.`)));
