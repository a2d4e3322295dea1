// @tus/server over one directory, as its documentation starts it. Arguments: directory, port, and
// how long uploads live, in milliseconds, where a storm needs uploads that expire.
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [directory, port, lifetime] = process.argv.slice(2);
const options = lifetime ? { directory, expirationPeriodInMilliseconds: Number(lifetime) } : { directory };
const server = new Server({ path: "/files", datastore: new FileStore(options) });
server.listen({ host: "127.0.0.1", port: Number(port) });
