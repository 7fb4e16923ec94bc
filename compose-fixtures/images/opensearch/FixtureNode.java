import java.net.InetAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** One node; as in the official image, each environment variable with a dot in its name is a setting. */
public final class FixtureNode extends Node {
    private static final String HOME = "/usr/share/opensearch";

    private FixtureNode(Environment environment) {
        super(environment, List.of(Netty4Plugin.class), false);
    }

    public static void main(String[] arguments) throws Exception {
        String name = InetAddress.getLocalHost().getHostName();
        Settings.Builder settings = Settings.builder()
            .put("path.home", HOME)
            .put("cluster.name", "docker-cluster")
            .put("network.host", "0.0.0.0");
        System.getenv().forEach((key, value) -> {
            if (key.matches("[a-z_]+(\\.[a-z_]+)+")) {
                settings.put(key, value);
            }
        });
        Environment environment =
            InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), Path.of(HOME, "config"), () -> name);
        Node node = new FixtureNode(environment).start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception ended) {
                System.err.println(ended);
            }
        }));
        new CountDownLatch(1).await();
    }
}
