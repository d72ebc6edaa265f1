// The server does not know the token any more: the SDK is told 4112 without a serial and opens anew by itself.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cn.leancloud.Messages.CommandType;
import cn.leancloud.Messages.OpType;
import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMMessageOption.MessagePriority;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RefusedTokenTest {
    private static final int SESSION_TOKEN_EXPIRED = 4112;

    @Test
    void opensWithoutTheTokenAndGetsANewOne(@TempDir Path data, @TempDir Path freshData) throws Exception {
        try (Server server = Server.start(data); WireTap tap = new WireTap(server)) {
            Sdk.start(tap.url());
            Viewer tom = Viewer.open("tom");
            server.kill();

            // Tokens are signed with a key in the data folder, so those of the first server are foreign to the second.
            try (Server fresh = Server.start(freshData)) {
                tap.leadTo(fresh);
                int dropped = tap.commands.mark();
                Sdk.reconnect();
                WireTap.Sent byToken = awaitOpen(tap, dropped, true);
                assertFalse(byToken.command().hasI(), byToken.toString());
                WireTap.Sent refusal = tap.commands.await(dropped, "error",
                        sent -> sent.command().getCmd() == CommandType.error);
                assertEquals(SESSION_TOKEN_EXPIRED, refusal.command().getErrorMessage().getCode());
                assertFalse(refusal.command().hasI(), refusal.toString());
                WireTap.Sent anew = awaitOpen(tap, dropped, false);
                assertTrue(anew.command().hasI(), anew.toString());
                assertEquals(byToken.line(), anew.line(), "the refusal does not cost the connection");
                WireTap.Sent opened = awaitOpened(tap, dropped);
                assertEquals(anew.command().getI(), opened.command().getI());

                canTalk(fresh, tom);
                theNewTokenIsGood(tap, opened.command().getSessionMessage().getSt());
            }
        }
    }

    private static void canTalk(Server server, Viewer tom) throws Exception {
        LCIMConversation room = tom.createRoom("second half", Map.of());
        try (Peer jerry = Peer.open(server, "jerry")) {
            jerry.join(room.getConversationId());
            tom.say(room, "hello again", MessagePriority.Normal);
            jerry.awaitMessage("message", direct -> direct.getMsg().contains("hello again"));
            jerry.say(room.getConversationId(), "welcome back", Peer.NORMAL);
            Sdk.awaitText("tom", "welcome back");
        }
    }

    private static void theNewTokenIsGood(WireTap tap, String token) throws Exception {
        int dropped = tap.commands.mark();
        tap.cut();
        Sdk.reconnect();
        WireTap.Sent open = awaitOpen(tap, dropped, true);
        assertEquals(token, open.command().getSessionMessage().getSt());
        awaitOpened(tap, dropped);
    }

    private static WireTap.Sent awaitOpen(WireTap tap, int mark, boolean withToken) {
        return tap.commands.await(mark, "session/open " + (withToken ? "with" : "without") + " a token",
                sent -> sent.up() && sent.command().getCmd() == CommandType.session
                        && sent.command().getOp() == OpType.open
                        && sent.command().getSessionMessage().hasSt() == withToken);
    }

    private static WireTap.Sent awaitOpened(WireTap tap, int mark) {
        return tap.commands.await(mark, "session/opened",
                sent -> !sent.up() && sent.command().getOp() == OpType.opened);
    }
}
