// An app that demands signatures, and the SDK's own factory for them: what it signs counts, and nothing else does.
package grandstand.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import cn.leancloud.im.LCIMOptions;
import cn.leancloud.im.Signature;
import cn.leancloud.im.SignatureFactory;
import cn.leancloud.im.v2.LCIMConversation;
import cn.leancloud.im.v2.LCIMException;
import cn.leancloud.im.v2.LCIMMessageOption.MessagePriority;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class SignatureTest {
    private static final String CONFIGURATION = """
            [[apps]]
            id = "%s"
            key = "%s"
            master_key = "%s"
            [apps.signatures]
            login = true
            rooms = true
            blocks = true
            """.formatted(Server.APP_ID, Server.APP_KEY, Server.MASTER_KEY);

    @TempDir
    static Path data;

    private static Server server;
    private static final Signer signer = new Signer();

    @BeforeAll
    static void start() throws Exception {
        server = Server.start(data, 0, CONFIGURATION);
        LCIMOptions.getGlobalOptions().setSignatureFactory(signer);
        Sdk.start(server.url());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void sign() {
        signer.key = Server.MASTER_KEY;
        LCIMOptions.getGlobalOptions().setSignatureFactory(signer);
    }

    @Test
    void whatTheFactorySignsCounts() throws Exception {
        Viewer tom = Viewer.open("tom-signed");
        LCIMConversation room = tom.createRoom("signed room", Map.of());
        Viewer jerry = Viewer.open("jerry-signed");
        jerry.join(room.getConversationId());
        tom.say(room, "welcome", MessagePriority.High);
        Sdk.awaitText("jerry-signed", "welcome");

        Viewer.Moderated done = new Viewer.Moderated(List.of("jerry-signed"), List.of());
        assertEquals(done, tom.block(room, "jerry-signed"));
        refused(4548, () -> jerry.join(room.getConversationId()));
        assertEquals(done, tom.unblock(room, "jerry-signed"));
        jerry.join(room.getConversationId());
        // The SDK signs no quit.
        jerry.quit(room);
        jerry.close();
        tom.close();
    }

    @Test
    void anotherKeyDoesNotCount() throws Exception {
        Viewer tom = Viewer.open("tom-refused");
        LCIMConversation room = tom.createRoom("room of tom", Map.of());
        Viewer jerry = Viewer.open("jerry-refused");
        signer.key = "no master key";
        refused(4102, () -> Viewer.open("spike-refused"));
        refused(4302, () -> tom.createRoom("another room", Map.of()));
        refused(4302, () -> jerry.join(room.getConversationId()));
        refused(4546, () -> tom.block(room, "jerry-refused"));

        signer.key = Server.MASTER_KEY;
        jerry.join(room.getConversationId());
        jerry.close();
        tom.close();
    }

    @Test
    void withoutAFactoryNobodyGetsIn() {
        LCIMOptions.getGlobalOptions().setSignatureFactory(null);
        refused(4102, () -> Viewer.open("nobody-signed"));
    }

    private static void refused(int code, Executable operation) {
        assertEquals(code, assertThrows(LCIMException.class, operation).getCode());
    }

    /** What an app writes, with its own server's part in it. */
    private static final class Signer implements SignatureFactory {
        private volatile String key = Server.MASTER_KEY;
        private int signed;

        @Override
        public Signature createSignature(String client, List<String> watched) {
            return sign(client, "", null);
        }

        @Override
        public Signature createConversationSignature(
                String room, String client, List<String> clients, String action) {
            String members = clients == null ? "" : String.join(":", clients.stream().sorted().toList());
            // A new room has no id yet, and no action.
            return room == null || room.isEmpty()
                    ? sign(client, members, null)
                    : sign(client, room + ":" + members, action);
        }

        @Override
        public Signature createBlacklistSignature(
                String client, String room, List<String> clients, String action) {
            return sign(client, room + ":" + String.join(":", clients.stream().sorted().toList()), action);
        }

        private synchronized Signature sign(String client, String what, String action) {
            long time = System.currentTimeMillis();
            String nonce = "nonce-" + signed++;
            String text = Server.APP_ID + ":" + client + ":" + what + ":" + time + ":" + nonce;
            Signature signature = new Signature();
            signature.setSignature(hmac(action == null ? text : text + ":" + action));
            signature.setTimestamp(time);
            signature.setNonce(nonce);
            return signature;
        }

        private String hmac(String text) {
            try {
                Mac mac = Mac.getInstance("HmacSHA1");
                mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA1"));
                return HexFormat.of().formatHex(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
