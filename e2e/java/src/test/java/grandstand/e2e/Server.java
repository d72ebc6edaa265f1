// The real server as a child process, on a free port and with a data folder of its own.
package grandstand.e2e;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

final class Server implements AutoCloseable {
    /** The Java SDK cuts the first eight characters from an app id, so it must be longer. */
    static final String APP_ID = "java-e2e-app-0123456789";
    static final String APP_KEY = "java-e2e-key";
    static final String MASTER_KEY = "java-e2e-master-key";

    private static final Pattern SERVER_URL = Pattern.compile("^\\s*Server URL\\s.*?(\\S+)\\s*$");
    private static final String ENDED = "(end of output)";
    private static final long EXIT_SECONDS = 20;

    private final Process process;
    private final String url;

    private Server(Process process, String url) {
        this.process = process;
        this.url = url;
    }

    static Server start(Path data) throws IOException {
        return start(data, 0);
    }

    /** Starts on this port, or on any free one if it is 0. */
    static Server start(Path data, int port) throws IOException {
        return start(data, port, "");
    }

    /** Starts with these lines in its configuration file. */
    static Server start(Path data, int port, String configuration) throws IOException {
        Path file = Files.writeString(data.resolve("grandstand.toml"), configuration);
        List<String> arguments = new ArrayList<>(List.of(
                binary().toString(), "serve", "--config", file.toString(),
                "--bind", "127.0.0.1:" + port, "--admin-bind", "127.0.0.1:0", "--data", data.toString()));
        // Client limits off: the tests poll the online count faster than one person would.
        arguments.addAll(List.of("--client-limits", "off"));
        // A configuration may have the app already, with switches of its own.
        if (!configuration.contains(APP_ID)) {
            arguments.addAll(List.of("--app", APP_ID + ":" + APP_KEY + ":" + MASTER_KEY));
        }
        ProcessBuilder command = new ProcessBuilder(arguments);
        File log = new File("grandstand.log");
        command.redirectError(ProcessBuilder.Redirect.appendTo(log));
        Process process = command.start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
        Events<String> output = new Events<>("lines on the server's standard output");
        Thread reader = new Thread(() -> copyLines(process, output), "server output");
        reader.setDaemon(true);
        reader.start();
        String line = output.await("'Server URL' line", SERVER_URL.asMatchPredicate().or(ENDED::equals));
        if (line.equals(ENDED)) {
            throw new AssertionError("the server ended instead of starting: " + output.all()
                    + "; its log: " + Files.readString(log.toPath()));
        }
        Matcher match = SERVER_URL.matcher(line);
        if (!match.matches()) {
            throw new AssertionError(line);
        }
        return new Server(process, match.group(1));
    }

    private static void copyLines(Process process, Events<String> output) {
        try (BufferedReader lines = process.inputReader()) {
            lines.lines().forEach(output::add);
        } catch (IOException | UncheckedIOException e) {
            output.add("unreadable: " + e);
        }
        output.add(ENDED);
    }

    private static Path binary() {
        Path root = Path.of(System.getProperty("grandstand.root"));
        Stream<Path> places = Optional.ofNullable(System.getenv("GRANDSTAND_BIN"))
                .map(given -> Stream.of(root.resolve(given)))
                .orElseGet(() -> Stream.of("target/release/grandstand", "target/debug/grandstand").map(root::resolve));
        List<Path> tried = places.map(Path::normalize).toList();
        return tried.stream().filter(Files::isExecutable).findFirst().orElseThrow(() -> new AssertionError(
                "no server binary at " + tried + ": build it, or set GRANDSTAND_BIN"));
    }

    String url() {
        return url;
    }

    int port() {
        return URI.create(url).getPort();
    }

    /** The app's back end switches what holds for everybody in a room. */
    void switchRoom(String room, String switches) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url).resolve("/1.2/rtm/chatrooms/" + room + "/switches"))
                .header("X-LC-Id", APP_ID)
                .header("X-LC-Key", MASTER_KEY + ",master")
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString(switches))
                .build();
        HttpResponse<String> answer =
                HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new AssertionError(answer.statusCode() + " " + answer.body());
        }
    }

    /** Ends the server the orderly way: sessions are told to go away, everything is flushed. */
    void stop() {
        process.destroy();
        awaitExit("SIGTERM");
        if (process.exitValue() != 0) {
            throw new AssertionError("the server ended with " + process.exitValue() + " after SIGTERM");
        }
    }

    /** SIGKILL: no farewell, no flush. */
    void kill() {
        process.destroyForcibly();
        awaitExit("SIGKILL");
    }

    @Override
    public void close() {
        kill();
    }

    private void awaitExit(String signal) {
        try {
            if (!process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError("the server did not end within " + EXIT_SECONDS + " s of " + signal);
            }
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while the server ends", e);
        }
    }
}
