// A TCP relay between the SDK and the server: it records every command that really travels, and can cut the line.
package grandstand.e2e;

import cn.leancloud.Messages.GenericCommand;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

final class WireTap implements AutoCloseable {
    /** One command on the wire; `line` numbers the WebSocket connections from 1. */
    record Sent(int line, boolean up, GenericCommand command) {
        @Override
        public String toString() {
            return "\n" + line + (up ? " > " : " < ") + command.toString().replaceAll("\\s+", " ");
        }
    }

    final Events<Sent> commands = new Events<>("commands on the wire");
    final Events<String> heads = new Events<>("HTTP requests of the SDK");

    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final AtomicInteger lines = new AtomicInteger();
    private volatile int serverPort;

    WireTap(Server server) throws IOException {
        serverPort = server.port();
        daemon("wire tap", this::accept);
    }

    String url() {
        return "http://127.0.0.1:" + listener.getLocalPort();
    }

    String webSocketUrl() {
        return "ws://127.0.0.1:" + listener.getLocalPort() + "/";
    }

    /** New connections go to this server from now on. */
    void leadTo(Server server) {
        serverPort = server.port();
    }

    /** Ends every connection without a word of WebSocket, as a lost network does. */
    void cut() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        sockets.clear();
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cut();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                connect(listener.accept());
            } catch (IOException e) {
                // The listener was closed, or the server is away: the SDK sees a failed connection either way.
            }
        }
    }

    private void connect(Socket client) throws IOException {
        Socket server;
        try {
            server = new Socket(InetAddress.getLoopbackAddress(), serverPort);
        } catch (IOException e) {
            client.close();
            throw e;
        }
        sockets.add(client);
        sockets.add(server);
        AtomicInteger line = new AtomicInteger();
        daemon("wire tap up", () -> relay(client, server, true, line));
        daemon("wire tap down", () -> relay(server, client, false, line));
    }

    private void relay(Socket from, Socket to, boolean up, AtomicInteger line) {
        FrameReader frames = new FrameReader();
        boolean head = true;
        byte[] chunk = new byte[64 * 1024];
        try (from; to) {
            for (int length; (length = from.getInputStream().read(chunk)) >= 0; ) {
                // Recorded before it is passed on: what a test sees happen is already in the record.
                frames.add(chunk, length);
                if (head) {
                    head = !readHead(frames, up, line);
                }
                if (!head && line.get() > 0) {
                    record(frames, up, line.get());
                }
                to.getOutputStream().write(chunk, 0, length);
            }
        } catch (IOException e) {
            // One end is gone; closing the other is all there is to do.
        }
    }

    private boolean readHead(FrameReader frames, boolean up, AtomicInteger line) {
        return frames.head().map(head -> {
            if (up) {
                heads.add(head);
                if (FrameReader.isUpgrade(head)) {
                    line.set(lines.incrementAndGet());
                }
            }
            return true;
        }).orElse(false);
    }

    private void record(FrameReader frames, boolean up, int line) throws InvalidProtocolBufferException {
        for (var message = frames.message(); message.isPresent(); message = frames.message()) {
            commands.add(new Sent(line, up, GenericCommand.parseFrom(message.get())));
        }
    }

    private static void daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }
}
