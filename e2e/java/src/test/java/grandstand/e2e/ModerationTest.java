// Silence, blocks and roles as an app's moderators use them, and a room under fire; three clients of the SDK on one
// connection. Lists are not asked for: on a plain JVM, 6.x loses its connection over the answer.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cn.leancloud.im.v2.LCIMChatRoom;
import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMException;
import cn.leancloud.im.v2.LCIMMessageOption.MessagePriority;
import cn.leancloud.im.v2.conversation.ConversationMemberRole;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class ModerationTest {
    @TempDir
    static Path data;

    private static Server server;
    private static WireTap tap;

    private String tom;
    private String jerry;
    private String spike;
    private Viewer owner;
    private Viewer member;
    private Viewer bystander;
    private LCIMConversation room;
    private LCIMChatRoom view;

    @BeforeAll
    static void start() throws Exception {
        server = Server.start(data);
        tap = new WireTap(server);
        Sdk.start(tap.url());
    }

    @AfterAll
    static void stop() throws Exception {
        tap.close();
        server.close();
    }

    @BeforeEach
    void enter(TestInfo test) throws Exception {
        String name = test.getTestMethod().orElseThrow().getName();
        tom = "tom-" + name;
        jerry = "jerry-" + name;
        spike = "spike-" + name;
        owner = Viewer.open(tom);
        member = Viewer.open(jerry);
        room = owner.createRoom("room " + name, Map.of());
        view = member.join(room.getConversationId());
        bystander = Viewer.open(spike);
        bystander.join(room.getConversationId());
    }

    @AfterEach
    void leave() throws Exception {
        bystander.close();
        member.close();
        owner.close();
    }

    @Test
    void aMutedMemberMayNotSpeak() throws Exception {
        assertEquals(new Viewer.Moderated(List.of(jerry), List.of()), owner.mute(room, jerry));
        Sdk.await("muted by " + tom, jerry);
        Sdk.await("members [" + jerry + "] muted by " + tom, spike);
        refused(4563, () -> member.say(view, "no", MessagePriority.High));
        refused(4320, () -> member.unmute(view, jerry));

        owner.unmute(room, jerry);
        Sdk.await("unmuted by " + tom, jerry);
        Sdk.await("members [" + jerry + "] unmuted by " + tom, spike);
        member.say(view, "yes", MessagePriority.High);
        Sdk.awaitText(tom, "yes");
    }

    @Test
    void aBlockedMemberIsOut() throws Exception {
        assertEquals(new Viewer.Moderated(List.of(jerry), List.of()), owner.block(room, jerry));
        Sdk.await("blocked by " + tom, jerry);
        Sdk.await("members [" + jerry + "] blocked by " + tom, spike);
        refused(4548, () -> member.join(room.getConversationId()));
        refused(4548, () -> member.say(view, "no", MessagePriority.High));

        owner.unblock(room, jerry);
        Sdk.await("unblocked by " + tom, jerry);
        member.join(room.getConversationId());
        owner.say(room, "welcome back", MessagePriority.High);
        Sdk.awaitText(jerry, "welcome back");
    }

    @Test
    void aManagerModeratesButNotTheOwner() throws Exception {
        refused(4320, () -> member.setRole(view, jerry, ConversationMemberRole.MANAGER));
        owner.setRole(room, jerry, ConversationMemberRole.MANAGER);
        Sdk.await(jerry + " is Manager by " + tom, jerry);
        assertEquals(List.of(jerry), member.roles(view).stream().map(info -> info.getMemberId()).toList());
        assertEquals(ConversationMemberRole.MANAGER, owner.roles(room).get(0).getRole());
        assertEquals(new Viewer.Moderated(List.of("ann"), List.of(4320)), member.mute(view, "ann", tom));

        owner.setRole(room, jerry, ConversationMemberRole.MEMBER);
        refused(4320, () -> member.mute(view, "bob"));
    }

    @Test
    void whoHasToWaitIsToldHowLong() throws Exception {
        String id = room.getConversationId();
        server.switchRoom(id, "{\"slow_mode\": {\"seconds\": 3600}}");
        member.say(view, "once", MessagePriority.High);
        Sdk.awaitText(tom, "once");
        int seconds = refused(4116, () -> member.say(view, "twice", MessagePriority.High)).getAppCode();
        assertTrue(seconds > 3540 && seconds <= 3600, "appCode " + seconds);

        server.switchRoom(id, "{\"slow_mode\": null, \"mute_all\": {}}");
        refused(4308, () -> member.say(view, "muted", MessagePriority.High));
        owner.say(room, "the owner may", MessagePriority.High);
        Sdk.awaitText(jerry, "the owner may");

        server.switchRoom(id, "{\"mute_all\": null, \"frozen\": true}");
        refused(4307, () -> owner.say(room, "frozen", MessagePriority.High));
        server.switchRoom(id, "{\"frozen\": false}");
        member.say(view, "yes", MessagePriority.High);
        Sdk.awaitText(tom, "yes");
    }

    private static LCIMException refused(int code, Executable operation) {
        LCIMException refusal = assertThrows(LCIMException.class, operation);
        assertEquals(code, refusal.getCode());
        return refusal;
    }
}
