import com.baidu.brpc.RpcContext;
import com.baidu.brpc.client.BrpcProxy;
import com.baidu.brpc.client.RpcClient;
import com.baidu.brpc.client.RpcClientOptions;
import com.baidu.brpc.client.channel.ChannelType;
import com.baidu.brpc.exceptions.RpcException;
import com.baidu.brpc.protocol.BrpcMeta;
import com.baidu.brpc.protocol.Options;
import com.baidu.brpc.server.RpcServer;
import com.baidu.brpc.server.RpcServerOptions;
import com.google.gson.Gson;
import com.google.protobuf.DescriptorProtos.EnumValueDescriptorProto;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** A server and a client of brpc-java, which report in lines of JSON. The client takes commands, one object a line. */
public class Peer {
    /** The message is one of protobuf's own: what counts is that it has a string with the number 1. */
    public interface Echo {
        @BrpcMeta(serviceName = "example.EchoService", methodName = "Echo")
        EnumValueDescriptorProto echo(EnumValueDescriptorProto request);

        @BrpcMeta(serviceName = "example.EchoService", methodName = "Missing")
        EnumValueDescriptorProto missing(EnumValueDescriptorProto request);
    }

    /** What the server has. */
    public interface Served {
        @BrpcMeta(serviceName = "example.EchoService", methodName = "Echo")
        EnumValueDescriptorProto echo(EnumValueDescriptorProto request);
    }

    static final Gson JSON = new Gson();
    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    static synchronized void report(Object... pairs) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            object.put((String) pairs[i], pairs[i + 1]);
        }
        OUT.println(JSON.toJson(object));
    }

    public static class Service implements Served {
        public EnumValueDescriptorProto echo(EnumValueDescriptorProto request) {
            RpcContext context = RpcContext.getContext();
            String text = request.getName();
            report("called", "Echo", "msg", text);
            if (text.equals("fail")) {
                throw new IllegalStateException("the business failed");
            }
            if (text.equals("sleep")) {
                try {
                    Thread.sleep(3_600_000);
                } catch (InterruptedException error) {
                    throw new IllegalStateException(error);
                }
            }
            ByteBuf attachment = context.getRequestBinaryAttachment();
            if (attachment != null && attachment.readableBytes() > 0) {
                String data = attachment.toString(StandardCharsets.UTF_8);
                context.setResponseBinaryAttachment(Unpooled.copiedBuffer("back: " + data, StandardCharsets.UTF_8));
            }
            return EnumValueDescriptorProto.newBuilder().setName("Hello " + text).build();
        }
    }

    static void serve() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        RpcServerOptions options = new RpcServerOptions();
        options.setIoThreadNum(1);
        options.setWorkThreadNum(2);
        RpcServer server = new RpcServer("127.0.0.1", port, options);
        server.registerService(new Service(), null, null, null);
        server.start();
        report("listening", port);
        System.in.transferTo(java.io.OutputStream.nullOutputStream());
        System.exit(0);
    }

    static class Command {
        String msg = "";
        String attachment = "";
        String method = "Echo";
        Long log_id;
        boolean gzip;
    }

    static void call(Echo echo, Command command) {
        RpcContext context = RpcContext.getContext();
        context.reset();
        if (command.log_id != null) {
            context.setLogId(command.log_id);
        }
        if (!command.attachment.isEmpty()) {
            context.setRequestBinaryAttachment(command.attachment.getBytes(StandardCharsets.UTF_8));
        }
        EnumValueDescriptorProto request = EnumValueDescriptorProto.newBuilder().setName(command.msg).build();
        try {
            EnumValueDescriptorProto reply =
                command.method.equals("Echo") ? echo.echo(request) : echo.missing(request);
            ByteBuf attachment = RpcContext.getContext().getResponseBinaryAttachment();
            String data = attachment == null ? "" : attachment.toString(StandardCharsets.UTF_8);
            report("reply", reply.getName(), "attachment", data);
        } catch (RpcException error) {
            report("error", error.getMessage(), "code", error.getCode());
        }
    }

    static Echo client(String port, Options.CompressType compression) {
        RpcClientOptions options = new RpcClientOptions();
        options.setProtocolType(Options.ProtocolType.PROTOCOL_BAIDU_STD_VALUE);
        options.setChannelType(ChannelType.SINGLE_CONNECTION);
        options.setReadTimeoutMillis(30_000);
        options.setWriteTimeoutMillis(30_000);
        options.setMaxTryTimes(1);
        options.setIoThreadNum(1);
        options.setWorkThreadNum(1);
        options.setCompressType(compression);
        return BrpcProxy.getProxy(new RpcClient("list://127.0.0.1:" + port, options), Echo.class);
    }

    static void drive(String port) throws Exception {
        Echo plain = null, zipped = null;
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        report("ready", true);
        for (String line; (line = lines.readLine()) != null; ) {
            Command command = JSON.fromJson(line, Command.class);
            if (command.gzip && zipped == null) {
                zipped = client(port, Options.CompressType.COMPRESS_TYPE_GZIP);
            } else if (!command.gzip && plain == null) {
                plain = client(port, Options.CompressType.COMPRESS_TYPE_NONE);
            }
            call(command.gzip ? zipped : plain, command);
        }
        System.exit(0);
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("serve")) {
            serve();
        } else {
            drive(arguments[1]);
        }
    }
}
