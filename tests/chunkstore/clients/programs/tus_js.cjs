// tus-js-client: MODULES ENDPOINT FILE STATE CHUNK_BYTES; 0 leaves every option as it is by default.
const fs = require('node:fs')
const [modules, endpoint, file, state, chunk] = process.argv.slice(2)
const tus = require(`${modules}/tus-js-client`)

if (!fs.existsSync(state)) fs.writeFileSync(state, '')
const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  urlStorage: new tus.FileUrlStorage(state),
  ...(Number(chunk) ? { chunkSize: Number(chunk) } : {}),
  onError(error) { console.error(String(error)); process.exit(1) },
  onSuccess() { process.exit(0) },
})
upload.findPreviousUploads().then((earlier) => {
  if (earlier.length) upload.resumeFromPreviousUpload(earlier[0])
  upload.start()
})
