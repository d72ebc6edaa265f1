// More HIGH messages than may wait for one reader: the server closes with 1001, and the SDK comes back for them.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cn.leancloud.im.v2.LCIMConversation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FullLaneTest {
    private static final int COME_BACK = 1001;
    private static final String FILLING = "x".repeat(4000);

    /**
     * The SDK looks at no close code: after any of them it is offline until its next connect, which on Android comes
     * from its push service and on a plain JVM from the app. So all that the code must not do is bring the app an error.
     */
    @Test
    void hasEveryHighMessageWhenItIsBack(@TempDir Path data) throws Exception {
        try (Server server = Server.start(data, 0, "[limits]\nhigh_backlog = \"256KiB\"\n");
                WireTap tap = new WireTap(server);
                Peer jerry = Peer.open(server, "jerry")) {
            Sdk.start(tap.url());
            LCIMConversation room = Viewer.open("tom").createRoom("final", Map.of());
            String cid = room.getConversationId();
            jerry.join(cid);
            List<String> texts = new ArrayList<>(List.of("before"));
            jerry.say(cid, "before", Peer.HIGH);
            Sdk.awaitText("tom", "before");

            tap.hold();
            do {
                String text = "gift " + texts.size() + FILLING;
                texts.add(text);
                jerry.say(cid, text, Peer.HIGH);
            } while (jerry.count(cid) > 1);
            tap.awaitHeldBytes();
            assertTrue(Sdk.texts("tom").size() < texts.size());

            tap.release();
            WireTap.Control close = tap.controls.await("close", it -> it.is(false, FrameReader.CLOSE));
            assertEquals(COME_BACK, close.frame().code());
            Sdk.reconnect();
            jerry.awaitCount(cid, 2);
            jerry.say(cid, "after", Peer.HIGH);
            texts.add("after");
            Sdk.awaitText("tom", "after");
            // An unconfirmed one comes twice on the wire; the SDK keeps one of each id.
            assertEquals(texts, Sdk.texts("tom"));
        }
    }
}
