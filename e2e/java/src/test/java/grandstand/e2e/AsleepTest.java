// A phone that sleeps: its socket is open, and nobody reads. However it comes back, no HIGH message is lost.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cn.leancloud.im.v2.LCIMConversation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AsleepTest {
    private static final int BURST = 20;

    private final List<String> texts = new ArrayList<>();
    private String cid;

    /** One test, because a JVM has one connection and each part goes on from the one before. */
    @Test
    void losesNoHighMessage(@TempDir Path data) throws Exception {
        try (Server server = Server.start(data);
                WireTap tap = new WireTap(server);
                Peer jerry = Peer.open(server, "jerry")) {
            Sdk.start(tap.url());
            Viewer tom = Viewer.open("tom");
            LCIMConversation room = tom.createRoom("final", Map.of());
            cid = room.getConversationId();
            jerry.join(cid);
            confirms(tap, jerry, tom, room);
            wakes(tap, jerry);
            isCutOff(tap, jerry);
            assertEquals(1, copies(tap, texts.get(0)), "what it has answered for does not come again");
        }
    }

    private void confirms(WireTap tap, Peer jerry, Viewer tom, LCIMConversation room) throws Exception {
        say(jerry, "read");
        Sdk.awaitText("tom", "read");
        tap.controls.await("answer to the ping behind it", it -> it.is(true, FrameReader.PONG));
        // When the next question is answered, the server knows.
        tom.latest(room, 1);
    }

    private void wakes(WireTap tap, Peer jerry) throws Exception {
        sleep(tap, jerry);
        assertEquals(2, jerry.count(cid), "the server waits for it");
        tap.release();
        Sdk.awaitText("tom", texts.get(texts.size() - 1));
        assertEquals(texts, Sdk.texts("tom"));
        for (String text : texts) {
            assertEquals(1, copies(tap, text), text);
        }
    }

    private void isCutOff(WireTap tap, Peer jerry) throws Exception {
        sleep(tap, jerry);
        tap.cut();
        jerry.awaitCount(cid, 1);
        say(jerry, "in the gap");
        Sdk.reconnect();
        jerry.awaitCount(cid, 2);
        say(jerry, "at last");
        Sdk.awaitText("tom", "at last");
        assertEquals(texts, Sdk.texts("tom"));
    }

    /** Messages leave the server, and the SDK reads none of them. */
    private void sleep(WireTap tap, Peer jerry) throws Exception {
        List<String> read = Sdk.texts("tom");
        tap.hold();
        for (int n = 0; n < BURST; n++) {
            say(jerry, "gift " + texts.size());
        }
        tap.awaitHeldBytes();
        assertEquals(read, Sdk.texts("tom"));
    }

    private void say(Peer jerry, String text) throws Exception {
        texts.add(text);
        jerry.say(cid, text, Peer.HIGH);
    }

    /** How often a message travelled to the SDK. */
    private static long copies(WireTap tap, String text) {
        return tap.commands.all().stream()
                .filter(it -> !it.up() && it.command().getDirectMessage().getMsg().contains("\"" + text + "\""))
                .count();
    }
}
