// Two clients on one connection: the SDK tells them apart by the peerId on whatever comes down.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cn.leancloud.Messages.CommandType;
import cn.leancloud.im.LCIMOptions;
import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMMessageOption.MessagePriority;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TwoClientsTest {
    @Test
    void eachClientGetsItsOwn(@TempDir Path data) throws Exception {
        try (Server server = Server.start(data); WireTap tap = new WireTap(server)) {
            // With a WebSocket address set by hand the SDK asks nobody for the way.
            LCIMOptions.getGlobalOptions().setRtmServer(tap.webSocketUrl());
            Sdk.start(tap.url());
            Viewer tom = Viewer.open("tom");
            Viewer spike = Viewer.open("spike");

            inOneRoom(server, tom, spike);
            inTwoRooms(server, tom, spike);
            afterADrop(server, tap, tom, spike);
            everyFrameNamesItsClient(tap);
            oneLeavesTheOtherStays(server, tom, spike);
            assertEquals(List.of(), tap.heads.all().stream().filter(head -> !FrameReader.isUpgrade(head)).toList());
        }
    }

    private static void inOneRoom(Server server, Viewer tom, Viewer spike) throws Exception {
        LCIMConversation room = tom.createRoom("one room", Map.of());
        String cid = room.getConversationId();
        spike.join(cid);
        tom.say(room, "from tom", MessagePriority.Normal);
        Sdk.awaitText("spike", "from tom");
        spike.say(spike.room(cid), "from spike", MessagePriority.Normal);
        Sdk.awaitText("tom", "from spike");
        try (Peer jerry = Peer.open(server, "jerry")) {
            assertEquals(2, jerry.count(cid));
            jerry.say(cid, "to both", Peer.HIGH);
            Sdk.awaitText("tom", "to both");
            Sdk.awaitText("spike", "to both");
        }
        assertEquals(List.of("from spike", "to both"), Sdk.texts("tom"));
        assertEquals(List.of("from tom", "to both"), Sdk.texts("spike"));
    }

    private static void inTwoRooms(Server server, Viewer tom, Viewer spike) throws Exception {
        String toms = tom.createRoom("room of tom", Map.of()).getConversationId();
        String spikes = spike.createRoom("room of spike", Map.of()).getConversationId();
        try (Peer jerry = Peer.open(server, "jerry")) {
            jerry.say(toms, "for tom", Peer.HIGH);
            jerry.say(spikes, "for spike", Peer.HIGH);
            Sdk.awaitText("tom", "for tom");
            Sdk.awaitText("spike", "for spike");
        }
        assertEquals(List.of("from spike", "to both", "for tom"), Sdk.texts("tom"));
        assertEquals(List.of("from tom", "to both", "for spike"), Sdk.texts("spike"));
    }

    /** Both sessions come back, each into its own room. */
    private static void afterADrop(Server server, WireTap tap, Viewer tom, Viewer spike) throws Exception {
        String toms = tom.findRooms("room of tom").get(0).getConversationId();
        String spikes = spike.findRooms("room of spike").get(0).getConversationId();
        try (Peer jerry = Peer.open(server, "jerry")) {
            tap.cut();
            jerry.awaitCount(toms, 0);
            jerry.awaitCount(spikes, 0);
            jerry.say(toms, "gap of tom", Peer.HIGH);
            jerry.say(spikes, "gap of spike", Peer.HIGH);
            Sdk.reconnect();
            Sdk.awaitText("tom", "gap of tom");
            Sdk.awaitText("spike", "gap of spike");
            jerry.awaitCount(toms, 1);
            jerry.awaitCount(spikes, 1);
        }
        assertEquals(List.of("from spike", "to both", "for tom", "gap of tom"), Sdk.texts("tom"));
        assertEquals(List.of("from tom", "to both", "for spike", "gap of spike"), Sdk.texts("spike"));
    }

    private static void everyFrameNamesItsClient(WireTap tap) {
        List<WireTap.Sent> sent = tap.commands.all();
        // `loggedin` answers the push login, which belongs to the installation and to no client.
        List<WireTap.Sent> nameless = sent.stream().filter(it -> !it.up() && it.command().getPeerId().isEmpty()
                && it.command().getCmd() != CommandType.loggedin).toList();
        assertEquals(List.of(), nameless);
        Set<Integer> lines = sent.stream().map(WireTap.Sent::line).collect(Collectors.toSet());
        assertEquals(Set.of(1, 2), lines, "both clients shared one connection, before and after the drop");
        for (String client : List.of("tom", "spike")) {
            assertTrue(sent.stream().anyMatch(it -> !it.up() && client.equals(it.command().getPeerId())));
        }
        for (WireTap.Sent request : sent) {
            if (request.up() && request.command().hasI() && request.command().hasPeerId()) {
                WireTap.Sent reply = tap.commands.await("reply to " + request,
                        it -> !it.up() && it.line() == request.line() && it.command().hasI()
                                && it.command().getI() == request.command().getI());
                assertEquals(request.command().getPeerId(), reply.command().getPeerId(), reply.toString());
            }
        }
    }

    private static void oneLeavesTheOtherStays(Server server, Viewer tom, Viewer spike) throws Exception {
        String toms = tom.findRooms("room of tom").get(0).getConversationId();
        spike.close();
        try (Peer jerry = Peer.open(server, "jerry")) {
            jerry.say(toms, "only tom is left", Peer.NORMAL);
            Sdk.awaitText("tom", "only tom is left");
        }
        assertEquals(List.of("tom"), tom.online(List.of("tom", "spike")));
    }
}
