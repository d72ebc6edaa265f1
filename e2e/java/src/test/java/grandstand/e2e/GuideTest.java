// The flow of the chat-room guide, step by step, as an app written for LeanCloud runs it.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cn.leancloud.Messages.CommandType;
import cn.leancloud.Messages.OpType;
import cn.leancloud.im.v2.LCIMBinaryMessage;
import cn.leancloud.im.v2.LCIMChatRoom;
import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMException;
import cn.leancloud.im.v2.LCIMMessage;
import cn.leancloud.im.v2.LCIMMessageOption;
import cn.leancloud.im.v2.LCIMMessageOption.MessagePriority;
import cn.leancloud.im.v2.messages.LCIMRecalledMessage;
import cn.leancloud.im.v2.messages.LCIMTextMessage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

class GuideTest {
    private static final int TEXT = -1;

    @TempDir
    static Path data;

    private static Server server;
    private static WireTap tap;

    private String name;
    private Viewer tom;
    private LCIMConversation room;
    private Peer jerry;

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

    /** Tom (the SDK) has made a room named after the test; Jerry (another device) is in it. */
    @BeforeEach
    void enter(TestInfo test) throws Exception {
        name = test.getTestMethod().orElseThrow().getName();
        tom = Viewer.open("tom-" + name);
        room = tom.createRoom("天南海北聊天室 " + name, Map.of("topic", "football"));
        jerry = Peer.open(server, "jerry-" + name);
        jerry.join(room.getConversationId());
    }

    @AfterEach
    void leave() throws Exception {
        jerry.close();
        tom.close();
    }

    @Test
    void discoversTheServerAndLogsIn() {
        String route = tap.heads.await("discovery", head -> head.startsWith("GET /v1/route"));
        assertTrue(route.contains("appId=" + Server.APP_ID), route);
        WireTap.Sent first = tap.commands.all().get(0);
        assertTrue(first.up(), first.toString());
        assertEquals(CommandType.login, first.command().getCmd(), "the SDK logs in for push before anything else");
        assertFalse(first.command().hasI());
    }

    @Test
    void findsTheRoomByName() throws Exception {
        Viewer spike = Viewer.open("spike-" + name);
        List<LCIMConversation> found = spike.findRooms("天南海北聊天室 " + name);

        assertEquals(1, found.size(), found.toString());
        LCIMConversation row = assertInstanceOf(LCIMChatRoom.class, found.get(0));
        assertEquals(room.getConversationId(), row.getConversationId());
        assertEquals("天南海北聊天室 " + name, row.getName());
        assertEquals("football", row.getAttribute("topic"));
        assertEquals("tom-" + name, row.getCreator());
        assertTrue(row.isTransient());
        assertEquals(List.of(), spike.findRooms("no such room"));
        spike.close();
    }

    @Test
    void theCreatorIsInTheRoom() throws Exception {
        assertEquals(2, jerry.count(room.getConversationId()));
        jerry.say(room.getConversationId(), "welcome", Peer.NORMAL);
        Sdk.Event event = Sdk.awaitText("tom-" + name, "welcome");
        assertEquals("jerry-" + name, event.message().getFrom());
        assertEquals(room.getConversationId(), event.room());
    }

    @Test
    void joinsAndReceivesEveryLevel() throws Exception {
        Viewer spike = Viewer.open("spike-" + name);
        spike.join(room.getConversationId());
        assertEquals(3, jerry.count(room.getConversationId()));

        Peer.Accepted goal = jerry.say(room.getConversationId(), "goal", Peer.HIGH);
        jerry.say(room.getConversationId(), "well played", Peer.NORMAL);
        jerry.say(room.getConversationId(), "666", Peer.LOW);

        Sdk.awaitText("spike-" + name, "666");
        assertEquals(List.of("goal", "well played", "666"), Sdk.texts("spike-" + name));
        LCIMMessage received = Sdk.awaitText("spike-" + name, "goal").message();
        assertEquals(goal.id(), received.getMessageId());
        assertEquals(goal.timestamp(), received.getTimestamp());
        tap.commands.await("receipt for the message, without a serial", sent -> sent.up()
                && sent.command().getCmd() == CommandType.ack && !sent.command().hasI()
                && goal.id().equals(sent.command().getAckMessage().getMid()));
        assertEquals(List.of(), Sdk.events.all().stream().filter(event -> event.kind().equals(Sdk.NOTICE)).toList());
        spike.close();
    }

    @Test
    void sendsWithLevels() throws Exception {
        for (MessagePriority level : MessagePriority.values()) {
            String text = "level " + level;
            LCIMTextMessage message = tom.say(room, text, level);

            assertEquals(LCIMMessage.MessageStatus.StatusSent, message.getMessageStatus());
            WireTap.Sent sent = tap.commands.await(text,
                    it -> it.up() && it.command().getDirectMessage().getMsg().contains(text));
            assertEquals(level.getNumber(), sent.command().getPriority());
            var push = jerry.awaitMessage(text, direct -> direct.getMsg().contains(text)).getDirectMessage();
            assertEquals(message.getMessageId(), push.getId());
            assertEquals(message.getTimestamp(), push.getTimestamp());
            assertEquals("tom-" + name, push.getFromPeerId());
        }
        // Whatever the server pushed to the sender would have come before this one.
        jerry.say(room.getConversationId(), "the end", Peer.HIGH);
        Sdk.awaitText("tom-" + name, "the end");
        assertEquals(List.of("the end"), Sdk.texts("tom-" + name));
    }

    @Test
    void mentionsSomebody() throws Exception {
        LCIMTextMessage message = new LCIMTextMessage();
        message.setText("look");
        message.setMentionList(List.of("jerry-" + name));
        tom.send(room, message, null);

        var push = jerry.awaitMessage("mention", direct -> direct.getMsg().contains("look"));
        assertEquals(List.of("jerry-" + name), push.getDirectMessage().getMentionPidsList());
        assertEquals(List.of("jerry-" + name), tom.latest(room, 1).get(0).getMentionList());
    }

    @Test
    void aTransientMessageIsDeliveredAndNotKept() throws Exception {
        LCIMMessageOption option = new LCIMMessageOption();
        option.setTransient(true);
        LCIMTextMessage message = new LCIMTextMessage();
        message.setText("typing");
        tom.send(room, message, option);
        jerry.awaitMessage("transient message", direct -> direct.getTransient() && direct.getMsg().contains("typing"));

        tom.say(room, "typed", MessagePriority.Normal);
        assertEquals(List.of("typed"), texts(tom.latest(room, 10)));
    }

    @Test
    void aTooLargeMessageIsRefusedAndTheConnectionStays() throws Exception {
        LCIMException refused = assertThrows(LCIMException.class,
                () -> tom.say(room, "x".repeat(6 * 1024), MessagePriority.Normal));
        assertEquals(4109, refused.getCode());

        tom.say(room, "shorter", MessagePriority.Normal);
        assertTrue(tap.commands.all().stream().allMatch(sent -> sent.line() == 1), "there was a second connection");
    }

    @Test
    void readsHistoryInBothDirections() throws Exception {
        for (int n = 1; n <= 5; n++) {
            tom.say(room, "message " + n, MessagePriority.Normal);
        }
        List<LCIMMessage> newest = tom.latest(room, 2);
        assertEquals(List.of("message 4", "message 5"), texts(newest));
        assertEquals(List.of("message 2", "message 3"), texts(tom.before(room, newest.get(0), 2)));
        List<LCIMMessage> all = tom.latest(room, 100);
        assertEquals(List.of("message 2", "message 3", "message 4"), texts(tom.from(room, all.get(1), 3)));
    }

    @Test
    void readsHistoryOfOneType() throws Exception {
        tom.say(room, "a text", MessagePriority.Normal);
        tom.send(room, binary(1, 2, 3), null);
        assertEquals(List.of("a text"), texts(tom.latestOfType(room, TEXT, 10)));
        assertEquals(2, tom.latest(room, 10).size());
    }

    @Test
    void editsAndRecallsItsMessages() throws Exception {
        LCIMTextMessage typo = tom.say(room, "goaal", MessagePriority.Normal);
        LCIMTextMessage regretted = tom.say(room, "rude", MessagePriority.Normal);
        LCIMTextMessage correct = new LCIMTextMessage();
        correct.setText("goal");
        LCIMMessage edited = tom.edit(room, typo, correct);
        assertTrue(edited.getUpdateAt() > 0);
        tom.recall(room, regretted);

        var push = jerry.received.await("edit", it -> it.getOp() == OpType.modify
                && typo.getMessageId().equals(it.getPatchMessage().getPatches(0).getMid()));
        assertTrue(push.getPatchMessage().getPatches(0).getData().contains("goal"), push.toString());
        jerry.received.await("recall",
                it -> it.getOp() == OpType.modify && it.getPatchMessage().getPatches(0).getRecall());
        List<LCIMMessage> history = tom.latest(room, 10);
        assertEquals(List.of(typo.getMessageId(), regretted.getMessageId()),
                history.stream().map(LCIMMessage::getMessageId).toList());
        assertEquals("goal", ((LCIMTextMessage) history.get(0)).getText());
        assertInstanceOf(LCIMRecalledMessage.class, history.get(1));
    }

    @Test
    void seesEditsAndRecallsOfOthers() throws Exception {
        Peer.Accepted typo = jerry.say(room.getConversationId(), "goaal", Peer.NORMAL);
        Sdk.awaitText("tom-" + name, "goaal");
        jerry.edit(room.getConversationId(), typo, "goal");
        LCIMMessage edited = Sdk.await(Sdk.EDITED, "tom-" + name).message();
        assertEquals(typo.id(), edited.getMessageId());
        assertTrue(edited.getContent().contains("goal"), edited.getContent());

        jerry.recall(room.getConversationId(), typo);
        assertEquals(typo.id(), Sdk.await(Sdk.RECALLED, "tom-" + name).message().getMessageId());
    }

    @Test
    void nobodyEditsTheMessagesOfOthers() throws Exception {
        jerry.say(room.getConversationId(), "mine", Peer.NORMAL);
        LCIMMessage others = Sdk.awaitText("tom-" + name, "mine").message();
        LCIMException refused = assertThrows(LCIMException.class, () -> tom.recall(room, others));
        assertEquals(4403, refused.getCode());
    }

    /** The SDK puts the bytes of an edited binary message where text belongs. */
    @Test
    void editsABinaryMessage() throws Exception {
        LCIMBinaryMessage message = binary(0, 1, 2);
        tom.send(room, message, null);
        tom.edit(room, message, binary(0xff, 0xfe, 0x80));

        LCIMMessage kept = tom.latest(room, 1).get(0);
        byte[] expected = {(byte) 0xff, (byte) 0xfe, (byte) 0x80};
        assertArrayEquals(expected, assertInstanceOf(LCIMBinaryMessage.class, kept).getBytes());
    }

    @Test
    void hearsOfNewAttributes() throws Exception {
        jerry.update(room.getConversationId(), "{\"attr.topic\":\"tennis\",\"name\":\"renamed\"}");
        assertEquals(room.getConversationId(), Sdk.await(Sdk.INFO_CHANGED, "tom-" + name).room());

        Viewer spike = Viewer.open("spike-" + name);
        LCIMChatRoom fresh = spike.room(room.getConversationId());
        spike.fetch(fresh);
        assertEquals("tennis", fresh.getAttribute("topic"));
        assertEquals("renamed", fresh.getName());
        spike.close();
    }

    @Test
    @Tag("sdk-8")
    void setsAttributes() throws Exception {
        room.setAttribute("topic", "tennis");
        room.setName("renamed");
        tom.update(room);

        String pushed = jerry.awaitPush(OpType.updated).getConvMessage().getAttrModified().getData();
        assertTrue(pushed.contains("tennis") && pushed.contains("renamed"), pushed);
        Viewer spike = Viewer.open("spike-" + name);
        assertEquals("tennis", spike.findRooms("renamed").get(0).getAttribute("topic"));
        spike.close();
    }

    /** On a plain JVM, SDK 6 writes a Java map where JSON belongs: it must be told so, and nothing may change. */
    @Test
    @Tag("sdk-6")
    void anUpdateThatIsNoJsonIsRefused() throws Exception {
        room.setAttribute("topic", "tennis");
        LCIMException refused = assertThrows(LCIMException.class, () -> tom.update(room));
        assertNotEquals(0, refused.getCode());
        // Another client looks, because this SDK shows its own unsaved value.
        Viewer spike = Viewer.open("spike-" + name);
        assertEquals("football", spike.findRooms("天南海北聊天室 " + name).get(0).getAttribute("topic"));
        spike.close();
    }

    /** On a plain JVM, SDK 6 trips over the answer to its own count. */
    @Test
    @Tag("sdk-8")
    void countsTheViewers() throws Exception {
        assertEquals(2, tom.count(room));
        Viewer spike = Viewer.open("spike-" + name);
        spike.join(room.getConversationId());
        assertEquals(3, tom.count(room));
        spike.join(room.getConversationId());
        assertEquals(3, tom.count(room), "joining twice counts once");
        spike.close();
        assertEquals(2, tom.count(room));
    }

    @Test
    void asksWhoIsOnline() throws Exception {
        List<String> ids = List.of("tom-" + name, "jerry-" + name, "nobody-" + name);
        assertEquals(List.of("jerry-" + name, "tom-" + name), tom.online(ids).stream().sorted().toList());
    }

    @Test
    void quits() throws Exception {
        tom.quit(room);
        jerry.awaitCount(room.getConversationId(), 1);
        jerry.say(room.getConversationId(), "too late", Peer.HIGH);

        tom.join(room.getConversationId());
        jerry.say(room.getConversationId(), "back again", Peer.HIGH);
        Sdk.awaitText("tom-" + name, "back again");
        assertEquals(List.of("back again"), Sdk.texts("tom-" + name));
    }

    @Test
    void joiningAnotherRoomLeavesTheFirst() throws Exception {
        LCIMConversation other = tom.createRoom("another " + name, null);
        assertEquals(1, jerry.count(room.getConversationId()));
        jerry.say(room.getConversationId(), "in the first", Peer.HIGH);

        jerry.join(other.getConversationId());
        jerry.say(other.getConversationId(), "in the second", Peer.HIGH);
        Sdk.awaitText("tom-" + name, "in the second");
        assertEquals(List.of("in the second"), Sdk.texts("tom-" + name));
        assertEquals(0, jerry.count(room.getConversationId()));
    }

    private static LCIMBinaryMessage binary(int... bytes) {
        byte[] content = new byte[bytes.length];
        for (int at = 0; at < bytes.length; at++) {
            content[at] = (byte) bytes[at];
        }
        LCIMBinaryMessage message = new LCIMBinaryMessage();
        message.setBytes(content);
        return message;
    }

    private static List<String> texts(List<LCIMMessage> messages) {
        return messages.stream()
                .map(message -> message instanceof LCIMTextMessage text ? text.getText() : message.getContent())
                .toList();
    }
}
