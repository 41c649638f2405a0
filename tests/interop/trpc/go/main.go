// A server and a client of tRPC-Go, which report in lines of JSON. The client takes commands, one object a line.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	trpc "trpc.group/trpc-go/trpc-go"
	"trpc.group/trpc-go/trpc-go/client"
	"trpc.group/trpc-go/trpc-go/codec"
	"trpc.group/trpc-go/trpc-go/errs"
	"trpc.group/trpc-go/trpc-go/log"
	"trpc.group/trpc-go/trpc-go/server"
	"trpc.group/trpc-go/trpc-go/stream"
	pb "trpc.group/trpc-go/trpc-go/testdata/trpc/helloworld"
)

const service = "trpc.test.helloworld.Greeter"

var printing sync.Mutex

func report(object map[string]any) {
	printing.Lock()
	defer printing.Unlock()
	line, _ := json.Marshal(object)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func texts(meta codec.MetaData) map[string]string {
	found := map[string]string{}
	for key, value := range meta {
		found[key] = string(value)
	}
	return found
}

type greeter struct{}

func (greeter) answer(ctx context.Context, method, text string) (*pb.HelloReply, error) {
	message := codec.Message(ctx)
	report(map[string]any{
		"called": method, "msg": text, "caller": message.CallerServiceName(), "meta": texts(message.ServerMetaData()),
	})
	trpc.SetMetaData(ctx, "served-by", []byte("go"))
	switch text {
	case "business":
		return nil, errs.New(10001, "the business failed")
	case "framework":
		return nil, errs.NewFrameError(errs.RetServerOverload, "the framework failed")
	case "sleep":
		time.Sleep(time.Hour)
	}
	attachment := server.GetAttachment(message)
	if data, err := io.ReadAll(attachment.Request()); err == nil && len(data) > 0 {
		attachment.SetResponse(bytes.NewReader(append([]byte("back: "), data...)))
	}
	return &pb.HelloReply{Msg: "Hello " + text}, nil
}

func (g greeter) SayHello(ctx context.Context, request *pb.HelloRequest) (*pb.HelloReply, error) {
	return g.answer(ctx, "SayHello", request.Msg)
}

func (g greeter) SayHi(ctx context.Context, request *pb.HelloRequest) (*pb.HelloReply, error) {
	return g.answer(ctx, "SayHi", request.Msg)
}

// collect answers all that the client sends with one message.
func collect(_ any, s server.Stream) error {
	all := 0
	for {
		request := &pb.HelloRequest{}
		err := s.RecvMsg(request)
		if err == io.EOF {
			return s.SendMsg(&pb.HelloReply{Msg: fmt.Sprint(all)})
		}
		if err != nil {
			return err
		}
		all += len(request.Msg)
	}
}

// count answers one message with several.
func count(_ any, s server.Stream) error {
	request := &pb.HelloRequest{}
	if err := s.RecvMsg(request); err != nil {
		return err
	}
	for _, word := range strings.Fields(request.Msg) {
		if err := s.SendMsg(&pb.HelloReply{Msg: word}); err != nil {
			return err
		}
	}
	return nil
}

// talk answers each message with its own text.
func talk(_ any, s server.Stream) error {
	message := codec.Message(s.Context())
	report(map[string]any{"called": "Talk", "caller": message.CallerServiceName(), "meta": texts(message.ServerMetaData())})
	for {
		request := &pb.HelloRequest{}
		err := s.RecvMsg(request)
		report(map[string]any{"heard": len(request.Msg), "ended": err == io.EOF, "failed": err != nil && err != io.EOF})
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch request.Msg {
		case "business":
			return errors.New("the business failed")
		case "framework":
			return errs.NewFrameError(errs.RetServerOverload, "the framework failed")
		}
		if err := s.SendMsg(&pb.HelloReply{Msg: request.Msg}); err != nil {
			return err
		}
	}
}

func method(name string, call func(greeter, context.Context, *pb.HelloRequest) (*pb.HelloReply, error)) server.Method {
	return server.Method{
		Name: "/" + service + "/" + name,
		Func: func(_ any, ctx context.Context, filters server.FilterFunc) (any, error) {
			request := &pb.HelloRequest{}
			chain, err := filters(request)
			if err != nil {
				return nil, err
			}
			return chain.Filter(ctx, request, func(ctx context.Context, request any) (any, error) {
				return call(greeter{}, ctx, request.(*pb.HelloRequest))
			})
		},
	}
}

func streamed(name string, handler func(any, server.Stream) error) server.StreamDesc {
	return server.StreamDesc{StreamName: "/" + service + "/" + name, Handler: handler, ServerStreams: true}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	running := server.New(
		server.WithServiceName(service), server.WithNetwork("tcp"), server.WithProtocol("trpc"),
		server.WithAddress(listener.Addr().String()), server.WithListener(listener),
	)
	desc := server.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Methods:     []server.Method{method("SayHello", greeter.SayHello), method("SayHi", greeter.SayHi)},
		Streams:     []server.StreamDesc{streamed("Collect", collect), streamed("Count", count), streamed("Talk", talk)},

		StreamHandle: stream.NewStreamDispatcher(),
	}
	check(running.Register(&desc, greeter{}))
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	report(map[string]any{"listening": listener.Addr().(*net.TCPAddr).Port})
	check(running.Serve())
}

type command struct {
	Do         string
	Name       string
	Msg        string
	Repeat     int
	Meta       map[string]string
	Oneway     bool
	Attachment string
	Multiplex  bool
}

func outcome(err error) map[string]any {
	if err == io.EOF {
		return map[string]any{"end": true}
	}
	found := map[string]any{"error": errs.Msg(err), "code": int(errs.Code(err))}
	var known *errs.Error
	if errors.As(err, &known) {
		found["business"] = known.Type == errs.ErrorTypeBusiness
	}
	return found
}

func call(target string, wanted command) map[string]any {
	ctx, message := codec.WithNewMessage(context.Background())
	defer codec.PutBackMessage(message)
	message.WithClientRPCName("/" + service + "/" + wanted.Name)
	message.WithCalleeServiceName(service)
	message.WithSerializationType(codec.SerializationTypePB)
	attachment := client.NewAttachment(strings.NewReader(wanted.Attachment))
	options := []client.Option{
		client.WithTarget(target), client.WithProtocol("trpc"), client.WithTimeout(30 * time.Second),
		client.WithCallerServiceName("trpc.test.caller.service"), client.WithMultiplexed(wanted.Multiplex),
	}
	for key, value := range wanted.Meta {
		options = append(options, client.WithMetaData(key, []byte(value)))
	}
	if wanted.Attachment != "" {
		options = append(options, client.WithAttachment(attachment))
	}
	if wanted.Oneway {
		message.WithCallType(codec.SendOnly)
		options = append(options, client.WithSendOnly())
	}
	reply := &pb.HelloReply{}
	err := client.DefaultClient.Invoke(ctx, &pb.HelloRequest{Msg: wanted.Msg}, reply, options...)
	if err != nil {
		return outcome(err)
	}
	found := map[string]any{"reply": reply.Msg, "id": message.RequestID(), "meta": texts(message.ClientMetaData())}
	if wanted.Attachment != "" {
		data, _ := io.ReadAll(attachment.Response())
		found["attachment"] = string(data)
	}
	return found
}

func open(target string, wanted command) (client.ClientStream, error) {
	ctx, message := codec.WithNewMessage(context.Background())
	message.WithClientRPCName("/" + service + "/" + wanted.Name)
	message.WithCalleeServiceName(service)
	message.WithSerializationType(codec.SerializationTypePB)
	options := []client.Option{
		client.WithTarget(target), client.WithProtocol("trpc"),
		client.WithCallerServiceName("trpc.test.caller.service"),
	}
	for key, value := range wanted.Meta {
		options = append(options, client.WithMetaData(key, []byte(value)))
	}
	desc := &client.ClientStreamDesc{StreamName: wanted.Name, ClientStreams: true, ServerStreams: true}
	return stream.DefaultStreamClient.NewStream(ctx, desc, "/"+service+"/"+wanted.Name, options...)
}

func drive(port string) {
	target := "ip://127.0.0.1:" + port
	var current client.ClientStream
	report(map[string]any{"ready": true})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		wanted := command{}
		check(json.Unmarshal(lines.Bytes(), &wanted))
		done := map[string]any{"done": true}
		var err error
		switch wanted.Do {
		case "call":
			done = call(target, wanted)
		case "open":
			current, err = open(target, wanted)
		case "send":
			text := strings.Repeat(wanted.Msg, max(wanted.Repeat, 1))
			err = current.SendMsg(&pb.HelloRequest{Msg: text})
		case "receive":
			reply := &pb.HelloReply{}
			if err = current.RecvMsg(reply); err == nil {
				done = map[string]any{"reply": reply.Msg}
				if len(reply.Msg) > 1000 {
					done = map[string]any{"size": len(reply.Msg)}
				}
			}
		case "close":
			err = current.CloseSend()
		}
		if err != nil {
			done = outcome(err)
		}
		report(done)
	}
}

func main() {
	log.SetLevel("0", log.LevelError)
	switch os.Args[1] {
	case "serve":
		serve()
	case "client":
		drive(os.Args[2])
	}
}
