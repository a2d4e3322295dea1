// tus-java-client: ENDPOINT FILE STATE CHUNK_BYTES, tried again after a pause; 0 leaves the size of a request as it is.

import io.tus.java.client.ProtocolException;
import io.tus.java.client.TusClient;
import io.tus.java.client.TusExecutor;
import io.tus.java.client.TusURLStore;
import io.tus.java.client.TusUpload;
import io.tus.java.client.TusUploader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

public final class WithTusJava {
    /** The one upload's address, in a file, so that the next process finds it. */
    private record Kept(Path state) implements TusURLStore {
        @Override
        public void set(String fingerprint, URL url) {
            try {
                Files.writeString(state, url.toString());
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        @Override
        public URL get(String fingerprint) {
            try {
                return Files.exists(state) ? new URL(Files.readString(state)) : null;
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        @Override
        public void remove(String fingerprint) { }
    }

    public static void main(String[] arguments) throws Exception {
        TusClient client = new TusClient();
        client.setUploadCreationURL(new URL(arguments[0]));
        client.enableResuming(new Kept(Path.of(arguments[2])));
        int chunk = Integer.parseInt(arguments[3]);
        TusExecutor executor = new TusExecutor() {
            @Override
            protected void makeAttempt() throws ProtocolException, IOException {
                TusUpload upload = new TusUpload(new File(arguments[1]));
                TusUploader uploader = client.resumeOrCreateUpload(upload);
                if (chunk > 0) {
                    uploader.setRequestPayloadSize(chunk);
                }
                while (uploader.uploadChunk() > -1) { }
                uploader.finish();
            }
        };
        int[] pauses = new int[12];
        Arrays.fill(pauses, 100);
        executor.setDelays(pauses);
        for (int left = pauses.length; left > 0; left--) {
            try {
                System.exit(executor.makeAttempts() ? 0 : 1);
            } catch (ProtocolException | IOException error) {
                System.out.println(error);
                Thread.sleep(100);
            }
        }
        System.exit(1);
    }
}
