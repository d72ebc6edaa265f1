// Takes one direction of a WebSocket connection apart: the HTTP head, then whole messages.
package grandstand.e2e;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

final class FrameReader {
    static final int CLOSE = 8;
    static final int PING = 9;
    static final int PONG = 10;

    record Control(int opcode, byte[] payload) {
        /** Of a close frame. */
        int code() {
            return (payload[0] & 0xff) << 8 | (payload[1] & 0xff);
        }
    }

    private final List<Control> controls = new ArrayList<>();
    private byte[] buffered = new byte[0];
    private byte[] message = new byte[0];

    void add(byte[] bytes, int length) {
        int old = buffered.length;
        buffered = Arrays.copyOf(buffered, old + length);
        System.arraycopy(bytes, 0, buffered, old, length);
    }

    /** The HTTP head, once all of it is here. */
    Optional<String> head() {
        String text = new String(buffered, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n");
        if (end < 0) {
            return Optional.empty();
        }
        drop(end + 4);
        return Optional.of(text.substring(0, end));
    }

    static boolean isUpgrade(String head) {
        return head.toLowerCase(Locale.ROOT).contains("\r\nupgrade: websocket");
    }

    /** The control frames that stood before and between the messages so far; each is given once. */
    List<Control> controls() {
        List<Control> taken = List.copyOf(controls);
        controls.clear();
        return taken;
    }

    /** The next data message; control frames are put aside. */
    Optional<byte[]> message() {
        while (true) {
            if (buffered.length < 2) {
                return Optional.empty();
            }
            boolean last = (buffered[0] & 0x80) != 0;
            int opcode = buffered[0] & 0x0f;
            boolean masked = (buffered[1] & 0x80) != 0;
            int length = buffered[1] & 0x7f;
            int lengthBytes = length == 127 ? 8 : length == 126 ? 2 : 0;
            int header = 2 + lengthBytes + (masked ? 4 : 0);
            if (buffered.length < header) {
                return Optional.empty();
            }
            if (lengthBytes > 0) {
                length = 0;
                for (int at = 2; at < 2 + lengthBytes; at++) {
                    length = (length << 8) | (buffered[at] & 0xff);
                }
            }
            if (buffered.length < header + length) {
                return Optional.empty();
            }
            byte[] payload = Arrays.copyOfRange(buffered, header, header + length);
            if (masked) {
                for (int at = 0; at < length; at++) {
                    payload[at] ^= buffered[header - 4 + at % 4];
                }
            }
            drop(header + length);
            if (opcode >= CLOSE) {
                controls.add(new Control(opcode, payload));
                continue;
            }
            int old = message.length;
            message = Arrays.copyOf(message, old + length);
            System.arraycopy(payload, 0, message, old, length);
            if (last) {
                byte[] whole = message;
                message = new byte[0];
                return Optional.of(whole);
            }
        }
    }

    private void drop(int count) {
        buffered = Arrays.copyOfRange(buffered, count, buffered.length);
    }
}
