// A customer written in another language, against stubs made from the same contract: registers, signs in, looks at the
// catalogue, orders, pays, and watches the order until it is confirmed, over gRPC or over gRPC-Web. Prints what it saw.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"

	inventory "argosy/tests/clients/go/gen/argosy/inventory/v1"
	"argosy/tests/clients/go/gen/argosy/inventory/v1/inventoryv1connect"
	order "argosy/tests/clients/go/gen/argosy/order/v1"
	"argosy/tests/clients/go/gen/argosy/order/v1/orderv1connect"
	payment "argosy/tests/clients/go/gen/argosy/payment/v1"
	"argosy/tests/clients/go/gen/argosy/payment/v1/paymentv1connect"
	user "argosy/tests/clients/go/gen/argosy/user/v1"
	"argosy/tests/clients/go/gen/argosy/user/v1/userv1connect"
	rpc "argosy/tests/clients/go/gen/google/rpc"
)

const (
	patience = 3 * time.Minute
	product  = "prod-123"
	card     = "pm_card_visa"
)

// What was seen, for whoever started this.
type purchase struct {
	UserID    string            `json:"userId"`
	OrderID   string            `json:"orderId"`
	PaymentID string            `json:"paymentId"`
	Total     string            `json:"total"`
	Paid      string            `json:"paid"`
	Watched   []string          `json:"watched"`
	Refused   map[string]string `json:"refused"`
}

type shop struct {
	users    userv1connect.UserServiceClient
	products inventoryv1connect.ProductServiceClient
	orders   orderv1connect.OrderServiceClient
	payments paymentv1connect.PaymentServiceClient
	token    string
}

func main() {
	edge := flag.String("edge", "http://127.0.0.1:8080", "the public address")
	protocol := flag.String("protocol", "grpc", "grpc or grpcweb")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seen, err := buy(ctx, open(*edge, *protocol))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		os.Exit(1)
	}
}

func open(edge, protocol string) *shop {
	option := connect.WithGRPC()
	client := http.DefaultClient
	if protocol == "grpcweb" {
		option = connect.WithGRPCWeb() // as browsers speak it: over HTTP/1.1
	} else {
		plain := new(http.Protocols)
		plain.SetUnencryptedHTTP2(true)
		client = &http.Client{Transport: &http.Transport{Protocols: plain}}
	}
	s := &shop{}
	options := connect.WithClientOptions(option, connect.WithInterceptors(signedIn(s)))
	s.users = userv1connect.NewUserServiceClient(client, edge, options)
	s.products = inventoryv1connect.NewProductServiceClient(client, edge, options)
	s.orders = orderv1connect.NewOrderServiceClient(client, edge, options)
	s.payments = paymentv1connect.NewPaymentServiceClient(client, edge, options)
	return s
}

func buy(ctx context.Context, s *shop) (*purchase, error) {
	seen := &purchase{Refused: map[string]string{}}
	if err := s.signIn(ctx, seen); err != nil {
		return nil, fmt.Errorf("signing in: %w", err)
	}
	if err := s.placeOrder(ctx, seen); err != nil {
		return nil, fmt.Errorf("ordering: %w", err)
	}
	watched := make(chan error, 1)
	begun := make(chan struct{})
	go func() { watched <- s.watch(ctx, seen, begun) }()
	select {
	case <-begun: // the present state has come: whatever happens now is seen
	case err := <-watched:
		return nil, fmt.Errorf("watching: %w", err)
	}
	if err := s.pay(ctx, seen); err != nil {
		return nil, fmt.Errorf("paying: %w", err)
	}
	if err := <-watched; err != nil {
		return nil, fmt.Errorf("watching: %w", err)
	}
	return seen, nil
}

func (s *shop) signIn(ctx context.Context, seen *purchase) error {
	email, password := fmt.Sprintf("go.%s@example.com", rand.Text()), rand.Text()
	registration := connect.NewRequest(&user.RegisterRequest{
		Email: email, Password: password, FirstName: "Grace", LastName: "Client",
	})
	registration.Header().Set("Idempotency-Key", rand.Text())
	registered, err := patiently(ctx, func() (*connect.Response[user.RegisterResponse], error) {
		return s.users.Register(ctx, registration)
	})
	if err != nil {
		return err
	}
	seen.UserID = registered.Msg.User.Id
	if _, err := s.orders.ListOrders(ctx, connect.NewRequest(&order.ListOrdersRequest{})); err == nil {
		return errors.New("orders were listed for nobody")
	} else {
		seen.Refused["nobody"] = connect.CodeOf(err).String()
	}
	signedIn, err := patiently(ctx, func() (*connect.Response[user.LoginResponse], error) {
		return s.users.Login(ctx, connect.NewRequest(&user.LoginRequest{Email: email, Password: password}))
	})
	if err != nil {
		return err
	}
	s.token = signedIn.Msg.Token
	return nil
}

func (s *shop) placeOrder(ctx context.Context, seen *purchase) error {
	found, err := s.products.GetProduct(ctx, connect.NewRequest(&inventory.GetProductRequest{Id: product}))
	if err != nil {
		return err
	}
	address := &order.ShippingAddress{Street: "123 Test St", City: "Test City", ZipCode: "12345", Country: "US"}
	line := &order.OrderItemRequest{ProductId: found.Msg.Id, Quantity: 0}
	wanted := &order.CreateOrderRequest{Items: []*order.OrderItemRequest{line}, ShippingAddress: address}
	if _, err := s.orders.CreateOrder(ctx, connect.NewRequest(wanted)); err == nil {
		return errors.New("nothing was ordered, and taken as an order")
	} else {
		seen.Refused["nothing"] = fmt.Sprintf("%s: %s", connect.CodeOf(err), wrongField(err))
	}
	line.Quantity = 2
	placed, err := s.orders.CreateOrder(ctx, connect.NewRequest(wanted))
	if err != nil {
		return err
	}
	seen.OrderID, seen.Total = placed.Msg.Id, placed.Msg.TotalAmount
	return nil
}

func (s *shop) pay(ctx context.Context, seen *purchase) error {
	amount := 59.98
	paid, err := s.payments.CreatePayment(ctx, connect.NewRequest(&payment.CreatePaymentRequest{
		OrderId: seen.OrderID, Amount: &amount, PaymentMethodId: card,
	}))
	if err != nil {
		return err
	}
	seen.PaymentID, seen.Paid = paid.Msg.PaymentId, paid.Msg.Status
	return nil
}

// Reads the order's states until it is confirmed; `begun` is closed with the first.
func (s *shop) watch(ctx context.Context, seen *purchase, begun chan<- struct{}) error {
	states, err := s.orders.WatchOrder(ctx, connect.NewRequest(&order.WatchOrderRequest{Id: seen.OrderID}))
	if err != nil {
		return err
	}
	defer states.Close()
	for states.Receive() {
		seen.Watched = append(seen.Watched, states.Msg().Status)
		if len(seen.Watched) == 1 {
			close(begun)
		}
		if states.Msg().Status == "confirmed" {
			return nil
		}
	}
	return fmt.Errorf("the stream ended at %v: %w", seen.Watched, states.Err())
}

// Puts the token on every call, once there is one.
func signedIn(s *shop) connect.Interceptor { return &bearer{s} }

type bearer struct{ shop *shop }

func (b *bearer) put(header http.Header) {
	if b.shop.token != "" {
		header.Set("Authorization", "Bearer "+b.shop.token)
	}
}

func (b *bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		b.put(request.Header())
		return next(ctx, request)
	}
}

func (b *bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		stream := next(ctx, spec)
		b.put(stream.RequestHeader())
		return stream
	}
}

func (b *bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// Which field a BadRequest among an error's details names.
func wrongField(err error) string {
	var refused *connect.Error
	if !errors.As(err, &refused) {
		return ""
	}
	for _, detail := range refused.Details() {
		value, err := detail.Value()
		if err != nil {
			continue
		}
		if bad, ok := value.(*rpc.BadRequest); ok && len(bad.FieldViolations) > 0 {
			return bad.FieldViolations[0].Field
		}
	}
	return ""
}

// Calls again for as long as the answer is that there is too much to do: hashing passwords is slow, and meant to be.
func patiently[T any](ctx context.Context, call func() (*T, error)) (*T, error) {
	for {
		answer, err := call()
		if connect.CodeOf(err) != connect.CodeResourceExhausted || err == nil {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Second):
		}
	}
}
