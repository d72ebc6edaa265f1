// A TCP relay between the SDK and the server: it records what really travels, can hold it back, and can cut the line.
package grandstand.e2e;

import cn.leancloud.Messages.GenericCommand;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

final class WireTap implements AutoCloseable {
    /** One command on the wire; `line` numbers the WebSocket connections from 1. */
    record Sent(int line, boolean up, GenericCommand command) {
        @Override
        public String toString() {
            return "\n" + line + (up ? " > " : " < ") + command.toString().replaceAll("\\s+", " ");
        }
    }

    /** A close, ping or pong on the wire. */
    record Control(boolean up, FrameReader.Control frame) {
        boolean is(boolean up, int opcode) {
            return this.up == up && frame.opcode() == opcode;
        }
    }

    final Events<Sent> commands = new Events<>("commands on the wire");
    final Events<Control> controls = new Events<>("control frames on the wire");
    final Events<String> heads = new Events<>("HTTP requests of the SDK");

    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final AtomicInteger lines = new AtomicInteger();
    private volatile int serverPort;
    /** Guards the two below. */
    private final Object gate = new Object();
    private boolean isHeld;
    private int heldBytes;

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

    /** From now on the SDK reads nothing; its sockets stay open. */
    void hold() {
        synchronized (gate) {
            isHeld = true;
        }
    }

    /** The SDK reads on: first what came meanwhile. */
    void release() {
        synchronized (gate) {
            isHeld = false;
            gate.notifyAll();
        }
    }

    /** Waits until bytes have left the server that the SDK has not read. */
    void awaitHeldBytes() throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Events.PATIENCE_SECONDS);
        synchronized (gate) {
            while (!isHeld || heldBytes == 0) {
                long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (left <= 0) {
                    throw new AssertionError("nothing is held back");
                }
                gate.wait(left);
            }
        }
    }

    /** Ends every connection without a word of WebSocket, as a lost network does. */
    void cut() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        sockets.clear();
        release();
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
                if (!up) {
                    passGate(length);
                }
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

    /** Waits while the line is held. What waits meanwhile is what a phone's kernel takes for an app that does not read. */
    private void passGate(int length) throws IOException {
        synchronized (gate) {
            heldBytes += length;
            gate.notifyAll();
            try {
                while (isHeld) {
                    gate.wait();
                }
            } catch (InterruptedException e) {
                throw new IOException("interrupted while the line is held", e);
            } finally {
                heldBytes -= length;
            }
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
        frames.controls().forEach(frame -> controls.add(new Control(up, frame)));
    }

    private static void daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }
}
