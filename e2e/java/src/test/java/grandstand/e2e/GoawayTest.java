// The server is replaced in an orderly way: told goaway, the SDK finds the next one without help from the app.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMMessageOption.MessagePriority;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GoawayTest {
    /**
     * No wire tap here: the SDK tries again only if it is refused the connection, and a relay in between would accept
     * it. On a plain JVM the SDK does not reconnect after an ordinary close, so to be back at all it must have
     * understood the goaway.
     */
    @Test
    void isBackInItsRoomOnTheNextServer(@TempDir Path data) throws Exception {
        Server server = Server.start(data);
        try {
            Sdk.start(server.url());
            Viewer tom = Viewer.open("tom");
            LCIMConversation room = tom.createRoom("final", Map.of());
            String cid = room.getConversationId();

            server.stop();
            server = Server.start(data, server.port());
            try (Peer jerry = Peer.open(server, "jerry")) {
                jerry.join(cid);
                Peer.Accepted goal = jerry.say(cid, "goal", Peer.HIGH);
                assertEquals(goal.id(), Sdk.awaitText("tom", "goal").message().getMessageId());
                jerry.awaitCount(cid, 2);
                tom.say(room, "what a goal", MessagePriority.Normal);
                jerry.awaitMessage("message", direct -> direct.getMsg().contains("what a goal"));
            }
            assertEquals(List.of("goal"), Sdk.texts("tom"));
        } finally {
            server.close();
        }
    }
}
