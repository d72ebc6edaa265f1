// Another viewer on a socket of its own, scripted: the SDK can hold one connection in a JVM.
package grandstand.e2e;

import cn.leancloud.Messages.CommandType;
import cn.leancloud.Messages.ConvCommand;
import cn.leancloud.Messages.DirectCommand;
import cn.leancloud.Messages.GenericCommand;
import cn.leancloud.Messages.JsonObjectMessage;
import cn.leancloud.Messages.OpType;
import cn.leancloud.Messages.PatchCommand;
import cn.leancloud.Messages.PatchItem;
import cn.leancloud.Messages.SessionCommand;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

final class Peer implements AutoCloseable {
    static final int HIGH = 1;
    static final int NORMAL = 2;
    static final int LOW = 3;

    /** A message that the server has accepted. */
    record Accepted(String id, long timestamp) {}

    final Events<GenericCommand> received;

    private final String id;
    private final WebSocket socket;
    private int serial;

    private Peer(Server server, String id) throws Exception {
        this.id = id;
        this.received = new Events<>("commands to the peer " + id);
        this.socket = HttpClient.newHttpClient().newWebSocketBuilder()
                .subprotocols("lc.protobuf2.3")
                .buildAsync(URI.create(server.url().replaceFirst("^http", "ws")), new Incoming())
                .get(Events.PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    static Peer open(Server server, String id) throws Exception {
        Peer peer = new Peer(server, id);
        peer.request(CommandType.session, OpType.open, GenericCommand.newBuilder()
                .setAppId(Server.APP_ID)
                .setSessionMessage(SessionCommand.newBuilder().setUa("grandstand-e2e").setConfigBitmap(0x2F)));
        return peer;
    }

    void join(String room) throws Exception {
        conv(OpType.add, ConvCommand.newBuilder().setCid(room).addM(id));
    }

    int count(String room) throws Exception {
        return conv(OpType.count, ConvCommand.newBuilder().setCid(room)).getConvMessage().getCount();
    }

    /** Waits until the room has that many viewers online. */
    void awaitCount(String room, int wanted) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Events.PATIENCE_SECONDS);
        int count = count(room);
        while (count != wanted) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("the room has " + count + " viewers online, not " + wanted);
            }
            Thread.sleep(20);
            count = count(room);
        }
    }

    /** Sets attributes of the room; `json` is what LeanCloud calls the attr data, with dotted keys. */
    void update(String room, String json) throws Exception {
        conv(OpType.update, ConvCommand.newBuilder().setCid(room)
                .setAttr(JsonObjectMessage.newBuilder().setData(json)));
    }

    Accepted say(String room, String text, int level) throws Exception {
        GenericCommand ack = request(CommandType.direct, null, GenericCommand.newBuilder()
                .setPriority(level)
                .setDirectMessage(DirectCommand.newBuilder().setCid(room).setMsg(typed(text))));
        return new Accepted(ack.getAckMessage().getUid(), ack.getAckMessage().getT());
    }

    void edit(String room, Accepted message, String text) throws Exception {
        patch(PatchItem.newBuilder().setCid(room).setMid(message.id()).setTimestamp(message.timestamp())
                .setData(typed(text)));
    }

    void recall(String room, Accepted message) throws Exception {
        patch(PatchItem.newBuilder().setCid(room).setMid(message.id()).setTimestamp(message.timestamp())
                .setRecall(true));
    }

    GenericCommand awaitMessage(String wanted, Predicate<DirectCommand> test) {
        return received.await(wanted,
                push -> push.getCmd() == CommandType.direct && test.test(push.getDirectMessage()));
    }

    GenericCommand awaitPush(OpType op) {
        return received.await(op + " push", push -> push.hasOp() && push.getOp() == op && !push.hasI());
    }

    @Override
    public void close() {
        socket.abort();
    }

    private static String typed(String text) {
        return "{\"_lctype\":-1,\"_lctext\":\"" + text + "\"}";
    }

    private void patch(PatchItem.Builder item) throws Exception {
        request(CommandType.patch, OpType.modify, GenericCommand.newBuilder()
                .setPatchMessage(PatchCommand.newBuilder().addPatches(item)));
    }

    private GenericCommand conv(OpType op, ConvCommand.Builder message) throws Exception {
        return request(CommandType.conv, op, GenericCommand.newBuilder().setConvMessage(message));
    }

    private GenericCommand request(CommandType cmd, OpType op, GenericCommand.Builder command) throws Exception {
        int i = ++serial;
        command.setCmd(cmd).setPeerId(id).setI(i);
        if (op != null) {
            command.setOp(op);
        }
        socket.sendBinary(ByteBuffer.wrap(command.build().toByteArray()), true)
                .get(Events.PATIENCE_SECONDS, TimeUnit.SECONDS);
        GenericCommand reply = received.await("reply to " + cmd + " " + op, it -> it.hasI() && it.getI() == i);
        if (reply.getCmd() == CommandType.error || reply.getAckMessage().hasCode()) {
            throw new AssertionError(cmd + " " + op + " of " + id + " was refused: " + reply);
        }
        return reply;
    }

    private final class Incoming implements WebSocket.Listener {
        private final ByteArrayOutputStream parts = new ByteArrayOutputStream();

        @Override
        public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
            byte[] part = new byte[data.remaining()];
            data.get(part);
            parts.writeBytes(part);
            if (last) {
                try {
                    received.add(GenericCommand.parseFrom(parts.toByteArray()));
                } catch (IOException e) {
                    throw new AssertionError("a frame that is no command", e);
                }
                parts.reset();
            }
            socket.request(1);
            return null;
        }
    }
}
