package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"sync"

	"interop/gen-go/peers"

	"github.com/apache/thrift/lib/go/thrift"
)

type library struct {
	lock          sync.Mutex
	notifications []string
}

func (l *library) Ping(ctx context.Context) error { return nil }

func (l *library) Greet(ctx context.Context, name string) (string, error) {
	return "greet: " + name, nil
}

func (l *library) Salute(ctx context.Context, name string) (string, error) {
	return "salute: " + name, nil
}

func (l *library) Mirror(ctx context.Context, value *peers.Everything) (*peers.Everything, error) {
	return value, nil
}

func (l *library) Reverse(ctx context.Context, data []byte) ([]byte, error) {
	return reversed(data), nil
}

func (l *library) Nested(
	ctx context.Context, value map[string]map[string][]int64, tag string,
) (map[string]map[string][]int64, error) {
	return value, nil
}

func (l *library) Refuse(ctx context.Context, code int32) error {
	return &peers.Refused{Code: code, Reason: "refused by request", Trace: []string{"here", "there"}}
}

func (l *library) Fail(ctx context.Context, reason string) (string, error) {
	return "", errors.New(reason)
}

func (l *library) Notify(ctx context.Context, text string) error {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.notifications = append(l.notifications, text)
	return nil
}

func (l *library) Notifications(ctx context.Context) ([]string, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	told := append([]string{}, l.notifications...) // nil would be no answer
	l.notifications = nil
	return told, nil
}

func (l *library) Headers(ctx context.Context) (map[string]string, error) {
	headers := map[string]string{}
	for _, key := range thrift.GetReadHeaderList(ctx) {
		headers[key], _ = thrift.GetHeader(ctx, key)
	}
	return headers, nil
}

type museum struct{}

func (museum) Ping(ctx context.Context) error { return nil }

func (museum) Greet(ctx context.Context, name string) (string, error) { return "museum: " + name, nil }

func reversed(data []byte) []byte {
	turned := make([]byte, len(data))
	for index, octet := range data {
		turned[len(data)-1-index] = octet
	}
	return turned
}

func serve(stack stack, options []string) {
	var processor thrift.TProcessor = peers.NewLibraryProcessor(&library{})
	if has(options, "multiplexed") {
		both := thrift.NewTMultiplexedProcessor()
		both.RegisterProcessor("Library", processor)
		both.RegisterProcessor("Museum", peers.NewMuseumProcessor(museum{}))
		processor = both
	}
	go func() { // it ends when its standard input does
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	socket := must(thrift.NewTServerSocket("127.0.0.1:0"))
	if err := socket.Listen(); err != nil {
		log.Fatal(err)
	}
	say(line{"listening": socket.Addr().(*net.TCPAddr).Port})
	log.Fatal(thrift.NewTSimpleServer4(processor, socket, stack.transports, stack.protocols).Serve())
}
