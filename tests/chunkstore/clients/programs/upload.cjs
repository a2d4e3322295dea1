// Uploads one file with tus-js-client. Arguments: a JSON object; prints a JSON object.
const fs = require('node:fs')

const wanted = JSON.parse(process.argv[2])
const tus = require(wanted.module)

const seen = { retries: 0, url: null, progress: 0 }
const upload = new tus.Upload(fs.createReadStream(wanted.file), {
  endpoint: wanted.endpoint,
  uploadUrl: wanted.uploadUrl || undefined,
  uploadSize: fs.statSync(wanted.file).size,
  chunkSize: wanted.chunkSize,
  metadata: { filename: wanted.name },
  retryDelays: [0, 20, 20, 20, 20, 20],
  uploadDataDuringCreation: Boolean(wanted.withCreation),
  onShouldRetry(error, attempt, options) {
    seen.retries += 1
    const status = error.originalResponse ? error.originalResponse.getStatus() : 0
    return status < 400 || status >= 500 || status === 409 || status === 423
  },
  onProgress(sent) { seen.progress = sent },
  onError(error) {
    process.stderr.write(String(error))
    process.exit(1)
  },
  onSuccess() {
    seen.url = upload.url
    process.stdout.write(JSON.stringify(seen))
    process.exit(0)
  },
})
upload.start()
