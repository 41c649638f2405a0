// A server and a client of Go's thrift: "server PROTOCOL TRANSPORT OPTIONS" and
// "client PORT PROTOCOL TRANSPORT OPTIONS CALL...".
package main

import (
	"log"
	"os"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
)

// A stack is the protocol and transport that a command line asks for.
type stack struct {
	transports thrift.TTransportFactory
	protocols  thrift.TProtocolFactory
}

func newStack(protocol, transport string, options []string) stack {
	strict := !has(options, "nonstrict")
	conf := &thrift.TConfiguration{TBinaryStrictRead: &strict, TBinaryStrictWrite: &strict}
	if transport == "header" {
		id := map[string]thrift.THeaderProtocolID{
			"binary":  thrift.THeaderProtocolBinary,
			"compact": thrift.THeaderProtocolCompact,
		}[protocol]
		conf.THeaderProtocolID = &id
		if has(options, "zlib") {
			conf.THeaderTransforms = []thrift.THeaderTransformID{thrift.TransformZlib}
		}
		return stack{
			thrift.NewTHeaderTransportFactoryConf(nil, conf),
			thrift.NewTHeaderProtocolFactoryConf(conf),
		}
	}
	return stack{
		map[string]thrift.TTransportFactory{
			"buffered": thrift.NewTBufferedTransportFactory(8192),
			"framed":   thrift.NewTFramedTransportFactoryConf(thrift.NewTTransportFactory(), conf),
		}[transport],
		map[string]thrift.TProtocolFactory{
			"binary":  thrift.NewTBinaryProtocolFactoryConf(conf),
			"compact": thrift.NewTCompactProtocolFactoryConf(conf),
			"json":    thrift.NewTJSONProtocolFactory(),
		}[protocol],
	}
}

func has(options []string, wanted string) bool {
	for _, option := range options {
		if option == wanted {
			return true
		}
	}
	return false
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	role, arguments := os.Args[1], os.Args[2:]
	if role == "server" {
		options := strings.Split(arguments[2], ",")
		serve(newStack(arguments[0], arguments[1], options), options)
		return
	}
	options := strings.Split(arguments[3], ",")
	call(arguments[0], newStack(arguments[1], arguments[2], options), options, arguments[4:])
}
