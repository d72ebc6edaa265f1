// What the SDK keeps once in a JVM: the app, the connection, and the handlers that an app registers at its start.
package grandstand.e2e;

import cn.leancloud.LCException;
import cn.leancloud.callback.LCCallback;
import cn.leancloud.core.LeanCloud;
import cn.leancloud.im.LCIMOptions;
import cn.leancloud.im.v2.LCIMClient;
import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMConversationEventHandler;
import cn.leancloud.im.v2.LCIMMessage;
import cn.leancloud.im.v2.LCIMMessageHandler;
import cn.leancloud.im.v2.LCIMMessageManager;
import cn.leancloud.im.v2.conversation.LCIMConversationMemberInfo;
import cn.leancloud.im.v2.messages.LCIMTextMessage;
import cn.leancloud.json.JSONObject;
import cn.leancloud.session.LCConnectionManager;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

final class Sdk {
    /** Something a handler of the app was called with. */
    record Event(String kind, String client, String room, LCIMMessage message) {
        String text() {
            return message instanceof LCIMTextMessage typed ? typed.getText() : null;
        }

        @Override
        public String toString() {
            return kind + " to " + client + " in " + room + (message == null ? "" : " " + message.getContent());
        }
    }

    static final String MESSAGE = "message";
    static final String EDITED = "edited";
    static final String RECALLED = "recalled";
    static final String INFO_CHANGED = "info changed";
    /** Somebody came or went. A room must never cause it. */
    static final String NOTICE = "membership notice";

    static final Events<Event> events = new Events<>("events of the SDK");

    private Sdk() {}

    /** All that an app does to use a server of its own: its id, its key, and the URL. */
    static void start(String serverUrl) throws Exception {
        // A plain JVM has no message database; without this the SDK answers history from an empty one.
        LCIMOptions.getGlobalOptions().setMessageQueryCacheEnabled(false);
        LeanCloud.initialize(Server.APP_ID, Server.APP_KEY, serverUrl);
        LCIMMessageManager.registerDefaultMessageHandler(new Messages());
        LCIMMessageManager.setConversationEventHandler(new Conversations());
        connect();
    }

    /** On Android a service watches the network and calls this; on a plain JVM it is left to the app. */
    private static void connect() throws Exception {
        CompletableFuture<Void> connected = new CompletableFuture<>();
        LCConnectionManager.getInstance().startConnection(new LCCallback<Void>() {
            @Override
            protected void internalDone0(Void nothing, LCException e) {
                if (e == null) {
                    connected.complete(null);
                } else {
                    connected.completeExceptionally(e);
                }
            }
        });
        connected.get(Events.PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** Waits until the SDK has noticed the drop, then does what the app must. */
    static void reconnect() throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Events.PATIENCE_SECONDS);
        while (LCConnectionManager.getInstance().isConnectionEstablished()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("the SDK has not noticed that its connection is gone");
            }
            Thread.sleep(5);
        }
        connect();
    }

    static Event awaitText(String client, String text) {
        return events.await("message '" + text + "' to " + client, event -> event.kind.equals(MESSAGE)
                && event.client.equals(client) && text.equals(event.text()));
    }

    static Event await(String kind, String client) {
        return events.await("'" + kind + "' to " + client,
                event -> event.kind.equals(kind) && event.client.equals(client));
    }

    /** The texts that a client has received so far, oldest first. */
    static List<String> texts(String client) {
        return events.all().stream()
                .filter(event -> event.kind.equals(MESSAGE) && event.client.equals(client))
                .map(Event::text).toList();
    }

    private static final class Messages extends LCIMMessageHandler {
        @Override
        public void onMessage(LCIMMessage message, LCIMConversation room, LCIMClient client) {
            events.add(new Event(MESSAGE, client.getClientId(), room.getConversationId(), message));
        }
    }

    private static final class Conversations extends LCIMConversationEventHandler {
        @Override
        public void onMessageUpdated(LCIMClient client, LCIMConversation room, LCIMMessage message) {
            events.add(new Event(EDITED, client.getClientId(), room.getConversationId(), message));
        }

        @Override
        public void onMessageRecalled(LCIMClient client, LCIMConversation room, LCIMMessage message) {
            events.add(new Event(RECALLED, client.getClientId(), room.getConversationId(), message));
        }

        @Override
        public void onInfoChanged(LCIMClient client, LCIMConversation room, JSONObject attributes, String operator) {
            events.add(new Event(INFO_CHANGED, client.getClientId(), room.getConversationId(), null));
        }

        @Override
        public void onMuted(LCIMClient client, LCIMConversation room, String by) {
            add("muted by " + by, client, room);
        }

        @Override
        public void onUnmuted(LCIMClient client, LCIMConversation room, String by) {
            add("unmuted by " + by, client, room);
        }

        @Override
        public void onMemberMuted(LCIMClient client, LCIMConversation room, List<String> members, String by) {
            add("members " + members + " muted by " + by, client, room);
        }

        @Override
        public void onMemberUnmuted(LCIMClient client, LCIMConversation room, List<String> members, String by) {
            add("members " + members + " unmuted by " + by, client, room);
        }

        @Override
        public void onBlocked(LCIMClient client, LCIMConversation room, String by) {
            add("blocked by " + by, client, room);
        }

        @Override
        public void onUnblocked(LCIMClient client, LCIMConversation room, String by) {
            add("unblocked by " + by, client, room);
        }

        @Override
        public void onMemberBlocked(LCIMClient client, LCIMConversation room, List<String> members, String by) {
            add("members " + members + " blocked by " + by, client, room);
        }

        @Override
        public void onMemberUnblocked(LCIMClient client, LCIMConversation room, List<String> members, String by) {
            add("members " + members + " unblocked by " + by, client, room);
        }

        @Override
        public void onMemberInfoUpdated(LCIMClient client, LCIMConversation room, LCIMConversationMemberInfo info,
                List<String> updated, String by) {
            add(info.getMemberId() + " is " + info.getRole().getName() + " by " + by, client, room);
        }

        private static void add(String kind, LCIMClient client, LCIMConversation room) {
            events.add(new Event(kind, client.getClientId(), room.getConversationId(), null));
        }

        @Override
        public void onMemberJoined(LCIMClient client, LCIMConversation room, List<String> members, String by) {
            events.add(new Event(NOTICE, client.getClientId(), room.getConversationId(), null));
        }

        @Override
        public void onMemberLeft(LCIMClient client, LCIMConversation room, List<String> members, String by) {
            events.add(new Event(NOTICE, client.getClientId(), room.getConversationId(), null));
        }

        @Override
        public void onInvited(LCIMClient client, LCIMConversation room, String by) {
            events.add(new Event(NOTICE, client.getClientId(), room.getConversationId(), null));
        }

        @Override
        public void onKicked(LCIMClient client, LCIMConversation room, String by) {
            events.add(new Event(NOTICE, client.getClientId(), room.getConversationId(), null));
        }
    }
}
