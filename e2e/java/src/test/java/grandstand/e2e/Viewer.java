// A client of the SDK under test, with its callbacks turned into blocking calls.
package grandstand.e2e;

import cn.leancloud.LCException;
import cn.leancloud.LCQuery;
import cn.leancloud.im.v2.LCIMChatRoom;
import cn.leancloud.im.v2.LCIMClient;
import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMConversationsQuery;
import cn.leancloud.im.v2.LCIMException;
import cn.leancloud.im.v2.LCIMMessage;
import cn.leancloud.im.v2.LCIMMessageInterval;
import cn.leancloud.im.v2.LCIMMessageOption;
import cn.leancloud.im.v2.LCIMMessageQueryDirection;
import cn.leancloud.im.v2.callback.LCIMClientCallback;
import cn.leancloud.im.v2.callback.LCIMConversationCallback;
import cn.leancloud.im.v2.callback.LCIMConversationCreatedCallback;
import cn.leancloud.im.v2.callback.LCIMConversationMemberCountCallback;
import cn.leancloud.im.v2.callback.LCIMConversationMemberQueryCallback;
import cn.leancloud.im.v2.callback.LCIMConversationQueryCallback;
import cn.leancloud.im.v2.callback.LCIMMessageRecalledCallback;
import cn.leancloud.im.v2.callback.LCIMMessageUpdatedCallback;
import cn.leancloud.im.v2.callback.LCIMMessagesQueryCallback;
import cn.leancloud.im.v2.callback.LCIMOnlineClientsCallback;
import cn.leancloud.im.v2.callback.LCIMOperationFailure;
import cn.leancloud.im.v2.callback.LCIMOperationPartiallySucceededCallback;
import cn.leancloud.im.v2.conversation.ConversationMemberRole;
import cn.leancloud.im.v2.conversation.LCIMConversationMemberInfo;
import cn.leancloud.im.v2.messages.LCIMRecalledMessage;
import cn.leancloud.im.v2.messages.LCIMTextMessage;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

final class Viewer {
    private final LCIMClient client;

    private Viewer(LCIMClient client) {
        this.client = client;
    }

    static Viewer open(String id) throws Exception {
        Viewer viewer = new Viewer(LCIMClient.getInstance(id));
        viewer.<LCIMClient>call(result -> viewer.client.open(clientCallback(result)));
        return viewer;
    }

    void close() throws Exception {
        this.<LCIMClient>call(result -> client.close(clientCallback(result)));
    }

    LCIMConversation createRoom(String name, Map<String, Object> attributes) throws Exception {
        return call(result -> client.createChatRoom(name, attributes, new LCIMConversationCreatedCallback() {
            @Override
            public void done(LCIMConversation room, LCIMException e) {
                settle(result, room, e);
            }
        }));
    }

    List<LCIMConversation> findRooms(String name) throws Exception {
        LCIMConversationsQuery query = client.getChatRoomQuery();
        query.whereEqualTo("name", name);
        // The SDK's default is its disk cache, which on a plain JVM yields an empty list the second time.
        query.setQueryPolicy(LCQuery.CachePolicy.NETWORK_ONLY);
        return call(result -> query.findInBackground(new LCIMConversationQueryCallback() {
            @Override
            public void done(List<LCIMConversation> rooms, LCIMException e) {
                settle(result, rooms, e);
            }
        }));
    }

    /** The room as the app gets it from an id alone. */
    LCIMChatRoom room(String id) {
        return (LCIMChatRoom) client.getChatRoom(id);
    }

    LCIMChatRoom join(String id) throws Exception {
        LCIMChatRoom room = room(id);
        this.<Void>call(result -> room.join(done(result)));
        return room;
    }

    void quit(LCIMConversation room) throws Exception {
        this.<Void>call(result -> room.quit(done(result)));
    }

    LCIMTextMessage say(LCIMConversation room, String text, LCIMMessageOption.MessagePriority level) throws Exception {
        LCIMTextMessage message = new LCIMTextMessage();
        message.setText(text);
        LCIMMessageOption option = new LCIMMessageOption();
        option.setPriority(level);
        send(room, message, option);
        return message;
    }

    void send(LCIMConversation room, LCIMMessage message, LCIMMessageOption option) throws Exception {
        this.<Void>call(result -> room.sendMessage(message, option, done(result)));
    }

    LCIMMessage edit(LCIMConversation room, LCIMMessage message, LCIMMessage replacement) throws Exception {
        return call(result -> room.updateMessage(message, replacement, new LCIMMessageUpdatedCallback() {
            @Override
            public void done(LCIMMessage edited, LCException e) {
                settle(result, edited, e);
            }
        }));
    }

    LCIMRecalledMessage recall(LCIMConversation room, LCIMMessage message) throws Exception {
        return call(result -> room.recallMessage(message, new LCIMMessageRecalledCallback() {
            @Override
            public void done(LCIMRecalledMessage recalled, LCException e) {
                settle(result, recalled, e);
            }
        }));
    }

    List<LCIMMessage> latest(LCIMConversation room, int limit) throws Exception {
        return call(result -> room.queryMessages(limit, messages(result)));
    }

    /** The page before `message`, as an app asks when its user scrolls up. */
    List<LCIMMessage> before(LCIMConversation room, LCIMMessage message, int limit) throws Exception {
        return call(result ->
                room.queryMessages(message.getMessageId(), message.getTimestamp(), limit, messages(result)));
    }

    /** Forwards from `message`, with it. */
    List<LCIMMessage> from(LCIMConversation room, LCIMMessage message, int limit) throws Exception {
        LCIMMessageInterval interval = new LCIMMessageInterval(
                LCIMMessageInterval.createBound(message.getMessageId(), message.getTimestamp(), true), null);
        return call(result -> room.queryMessages(
                interval, LCIMMessageQueryDirection.DirectionFromOldToNew, limit, messages(result)));
    }

    List<LCIMMessage> latestOfType(LCIMConversation room, int type, int limit) throws Exception {
        return call(result -> room.queryMessagesByType(type, limit, messages(result)));
    }

    void update(LCIMConversation room) throws Exception {
        this.<Void>call(result -> room.updateInfoInBackground(done(result)));
    }

    void fetch(LCIMConversation room) throws Exception {
        this.<Void>call(result -> room.fetchInfoInBackground(done(result)));
    }

    int count(LCIMConversation room) throws Exception {
        return this.<Integer>call(result -> room.getMemberCount(new LCIMConversationMemberCountCallback() {
            @Override
            public void done(Integer count, LCIMException e) {
                settle(result, count, e);
            }
        }));
    }

    List<String> online(List<String> ids) throws Exception {
        return call(result -> client.getOnlineClients(ids, new LCIMOnlineClientsCallback() {
            @Override
            public void done(List<String> online, LCIMException e) {
                settle(result, online, e);
            }
        }));
    }

    /** What a moderator's command came to. */
    record Moderated(List<String> succeeded, List<Integer> failures) {}

    Moderated mute(LCIMConversation room, String... ids) throws Exception {
        return call(result -> room.muteMembers(List.of(ids), moderated(result)));
    }

    Moderated unmute(LCIMConversation room, String... ids) throws Exception {
        return call(result -> room.unmuteMembers(List.of(ids), moderated(result)));
    }

    Moderated block(LCIMConversation room, String... ids) throws Exception {
        return call(result -> room.blockMembers(List.of(ids), moderated(result)));
    }

    Moderated unblock(LCIMConversation room, String... ids) throws Exception {
        return call(result -> room.unblockMembers(List.of(ids), moderated(result)));
    }

    void setRole(LCIMConversation room, String id, ConversationMemberRole role) throws Exception {
        this.<Void>call(result -> room.updateMemberRole(id, role, done(result)));
    }

    List<LCIMConversationMemberInfo> roles(LCIMConversation room) throws Exception {
        return call(result -> room.getAllMemberInfo(0, 10, new LCIMConversationMemberQueryCallback() {
            @Override
            public void done(List<LCIMConversationMemberInfo> infos, LCIMException e) {
                settle(result, infos, e);
            }
        }));
    }

    private static LCIMOperationPartiallySucceededCallback moderated(CompletableFuture<Moderated> result) {
        return new LCIMOperationPartiallySucceededCallback() {
            @Override
            public void done(LCIMException e, List<String> succeeded, List<LCIMOperationFailure> failures) {
                List<LCIMOperationFailure> failed = failures == null ? List.of() : failures;
                List<Integer> codes = failed.stream().map(LCIMOperationFailure::getCode).toList();
                settle(result, new Moderated(succeeded, codes), e);
            }
        };
    }

    /** Runs one asynchronous call of the SDK to its end; its exception becomes ours. */
    private <T> T call(Consumer<CompletableFuture<T>> start) throws Exception {
        CompletableFuture<T> result = new CompletableFuture<>();
        start.accept(result);
        try {
            return result.get(Events.PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Exception cause) {
                throw cause;
            }
            throw e;
        }
    }

    private static <T> void settle(CompletableFuture<T> result, T value, Exception failure) {
        if (failure != null) {
            result.completeExceptionally(failure);
        } else {
            result.complete(value);
        }
    }

    private static LCIMClientCallback clientCallback(CompletableFuture<LCIMClient> result) {
        return new LCIMClientCallback() {
            @Override
            public void done(LCIMClient opened, LCIMException e) {
                settle(result, opened, e);
            }
        };
    }

    private static LCIMConversationCallback done(CompletableFuture<Void> result) {
        return new LCIMConversationCallback() {
            @Override
            public void done(LCIMException e) {
                settle(result, null, e);
            }
        };
    }

    private static LCIMMessagesQueryCallback messages(CompletableFuture<List<LCIMMessage>> result) {
        return new LCIMMessagesQueryCallback() {
            @Override
            public void done(List<LCIMMessage> page, LCIMException e) {
                settle(result, page, e);
            }
        };
    }
}
