package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"reflect"

	"interop/gen-go/peers"

	"github.com/apache/thrift/lib/go/thrift"
)

type line map[string]any

// say prints a JSON object a line: from a client, a message that the library wrote or read, or what came of a call.
func say(content line) {
	os.Stdout.Write(append(must(json.Marshal(content)), '\n'))
}

// telling is a protocol that says which messages it writes and reads.
type telling struct{ thrift.TProtocol }

func (t telling) WriteMessageBegin(ctx context.Context, name string, kind thrift.TMessageType, seqid int32) error {
	say(line{"message": "sent", "method": name, "type": kind, "seqid": seqid})
	return t.TProtocol.WriteMessageBegin(ctx, name, kind, seqid)
}

func (t telling) ReadMessageBegin(ctx context.Context) (string, thrift.TMessageType, int32, error) {
	name, kind, seqid, err := t.TProtocol.ReadMessageBegin(ctx)
	if err == nil {
		say(line{"message": "received", "method": name, "type": kind, "seqid": seqid})
	}
	return name, kind, seqid, err
}

func call(port string, stack stack, options []string, calls []string) {
	ctx := context.Background()
	socket := thrift.NewTSocketConf("127.0.0.1:"+port, nil)
	transport := must(stack.transports.GetTransport(socket))
	inner := stack.protocols.GetProtocol(transport)
	header, hasHeaders := inner.(*thrift.THeaderProtocol)
	if err := transport.Open(); err != nil {
		log.Fatal(err)
	}
	defer transport.Close()
	var out thrift.TProtocol = telling{inner}
	in := out
	if has(options, "multiplexed") {
		out = thrift.NewTMultiplexedProtocol(out, "Library")
	}
	standard := thrift.NewTStandardClient(in, out)
	library := peers.NewLibraryClient(standard)
	museum := peers.NewMuseumClient(thrift.NewTStandardClient(in, thrift.NewTMultiplexedProtocol(in, "Museum")))

	everything := peers.EVERYTHING
	everything.Raw = make([]byte, 256)
	for index := range everything.Raw {
		everything.Raw[index] = byte(index)
	}
	data := make([]byte, 100_000)
	for index := range data {
		data[index] = byte(index * 7)
	}
	nested := map[string]map[string][]int64{
		"outer": {"inner": {1, 300, -9007199254740991}, "more": {7}},
		"other": {"only": {0}},
	}
	made := map[string]func() (any, error){
		"ping":   func() (any, error) { return nil, library.Ping(ctx) },
		"greet":  func() (any, error) { return library.Greet(ctx, peers.TEXT) },
		"museum": func() (any, error) { return museum.Greet(ctx, peers.TEXT) },
		"mirror": func() (any, error) {
			value, err := library.Mirror(ctx, everything)
			return reflect.DeepEqual(value, everything), err
		},
		"reverse": func() (any, error) {
			value, err := library.Reverse(ctx, data)
			return bytes.Equal(value, reversed(data)), err
		},
		"nested": func() (any, error) {
			value, err := library.Nested(ctx, nested, "")
			return reflect.DeepEqual(value, nested), err
		},
		"refuse":        func() (any, error) { return nil, library.Refuse(ctx, 42) },
		"fail":          func() (any, error) { return library.Fail(ctx, "by request") },
		"notify":        func() (any, error) { return nil, library.Notify(ctx, peers.TEXT) },
		"notifications": func() (any, error) { return library.Notifications(ctx) },
		"headers": func() (any, error) {
			if hasHeaders {
				header.SetWriteHeader("client", "go")
			}
			return library.Headers(ctx)
		},
		"pipeline": func() (any, error) { return pipeline(ctx, standard, in, out) },
	}
	for _, name := range calls {
		content := outcome(made[name]())
		content["call"] = name
		if hasHeaders {
			content["headers"] = header.GetReadHeaders()
		}
		say(content)
	}
}

func outcome(result any, err error) line {
	var refused *peers.Refused
	var exception thrift.TApplicationException
	switch {
	case err == nil:
		return line{"outcome": "ok", "result": result}
	case errors.As(err, &refused):
		return line{"outcome": "Refused", "result": []any{refused.Code, refused.Reason, refused.Trace}}
	case errors.As(err, &exception):
		return line{"outcome": "TApplicationException", "type": exception.TypeId(), "text": exception.Error()}
	}
	log.Fatal(err)
	return nil
}

// pipeline sends all its calls before it reads the first answer.
func pipeline(ctx context.Context, client *thrift.TStandardClient, in, out thrift.TProtocol) (any, error) {
	const first = 101
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for index, name := range names {
		arguments := &peers.LibraryGreetArgs{Name: name}
		if err := client.Send(ctx, out, int32(first+index), "greet", arguments); err != nil {
			return nil, err
		}
	}
	var answers []string
	for index := range names {
		result := &peers.LibraryGreetResult{}
		if err := client.Recv(ctx, in, int32(first+index), "greet", result); err != nil {
			return nil, err
		}
		answers = append(answers, result.GetSuccess())
	}
	return answers, nil
}
