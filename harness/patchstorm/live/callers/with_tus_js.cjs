// tus-js-client: MODULES ENDPOINT FILE STATE CHUNK_BYTES; begun again while it gives up, as a page would let its
// user do. Its own pauses between two tries are shortened.
const fs = require('node:fs')
const [modules, endpoint, file, state, chunk] = process.argv.slice(2)
const tus = require(`${modules}/tus-js-client`)

const PAUSE_MS = 100
const TRIES = 12
let left = TRIES
if (!fs.existsSync(state)) fs.writeFileSync(state, '')

function once() {
  const upload = new tus.Upload(fs.createReadStream(file), {
    endpoint,
    urlStorage: new tus.FileUrlStorage(state),
    retryDelays: [0, PAUSE_MS, PAUSE_MS],
    ...(Number(chunk) ? { chunkSize: Number(chunk) } : {}),
    onChunkComplete() { left = TRIES },
    onError(error) {
      console.log(String(error))
      left -= 1
      if (left === 0) process.exit(1)
      setTimeout(once, PAUSE_MS)
    },
    onSuccess() { process.exit(0) },
  })
  upload.findPreviousUploads().then((earlier) => {
    if (earlier.length) upload.resumeFromPreviousUpload(earlier[0])
    upload.start()
  })
}
once()
