// @uppy/tus as a page of another origin uses it: MODULES ENDPOINT FILE STATE CHUNK_BYTES. jsdom's XMLHttpRequest
// asks for preflights and hides what is not exposed, as browsers do. tus-js-client is the browser's build.
import fs from 'node:fs'
import { createRequire, register } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, endpoint, file, , chunk] = process.argv.slice(2)
const require = createRequire(path.join(modules, 'here.js'))
const { JSDOM } = require('jsdom')
const window = new JSDOM('', { url: 'http://app.example/', pretendToBeVisual: true }).window
const names = ['window', 'document', 'navigator', 'localStorage', 'XMLHttpRequest', 'Blob', 'File', 'FileReader', 'Event']
for (const name of names) {
  const value = name === 'window' ? window : window[name]
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
}
const browser = pathToFileURL(path.join(modules, 'tus-js-client/lib.es5/browser/index.js')).href
register(`data:text/javascript,${encodeURIComponent(`
export async function resolve(specifier, context, next) {
  if (specifier !== 'tus-js-client') return next(specifier, context)
  return { url: ${JSON.stringify(browser)}, format: 'commonjs', shortCircuit: true }
}`)}`)

const { default: Uppy } = await import(pathToFileURL(require.resolve('@uppy/core')).href)
const { default: Tus } = await import(pathToFileURL(require.resolve('@uppy/tus')).href)
const uppy = new Uppy()
uppy.use(Tus, { endpoint, ...(Number(chunk) ? { chunkSize: Number(chunk) } : {}) })
uppy.addFile({ name: path.basename(file), data: new window.File([fs.readFileSync(file)], path.basename(file)) })
const result = await uppy.upload()
for (const failed of result.failed) console.error(String(failed.error))
process.exit(result.failed.length ? 1 : 0)
