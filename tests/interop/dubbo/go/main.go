// A client of dubbo-go: client PORT
// Each line of standard input is {"method": ..., "arguments": [...]}; each is answered by {"value": ...} or
// {"error": ...}. Numbers are Java's int.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"time"

	"dubbo.apache.org/dubbo-go/v3/client"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failover"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	_ "dubbo.apache.org/dubbo-go/v3/filter/filter_impl"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
)

type command struct {
	Method    string `json:"method"`
	Arguments []any  `json:"arguments"`
}

func connect(port string) (*client.Connection, error) {
	application, err := client.NewClient(
		client.WithClientURL("127.0.0.1:"+port),
		client.WithClientProtocolDubbo(),
		client.WithClientRequestTimeout(10*time.Minute),
		client.WithClientRetries(0),
	)
	if err != nil {
		return nil, err
	}
	return application.Dial(
		"org.example.interop.DemoService",
		client.WithSerialization("hessian2"),
		client.WithGroup("blue"),
		client.WithVersion("1.2.3"),
	)
}

func call(connection *client.Connection, line []byte) map[string]any {
	var wanted command
	if err := json.Unmarshal(line, &wanted); err != nil {
		return map[string]any{"error": err.Error()}
	}
	for index, value := range wanted.Arguments {
		if number, ok := value.(float64); ok {
			wanted.Arguments[index] = int32(number)
		}
	}
	var reply any
	if err := connection.CallUnary(context.Background(), wanted.Arguments, &reply, wanted.Method); err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"value": reply}
}

func main() {
	connection, err := connect(os.Args[1])
	if err != nil {
		panic(err)
	}
	report := json.NewEncoder(os.Stdout)
	report.Encode(map[string]any{"ready": true})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		report.Encode(call(connection, lines.Bytes()))
	}
}
