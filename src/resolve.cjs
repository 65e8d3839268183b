"use strict"
// What the plugin imports by name is looked for in its environment first, wherever the plugin itself lies: an import
// looks only into directories above the importing file, and nothing is ever written there. Everything else is Node's.
const module_ = require("node:module")
const { realpathSync } = require("node:fs")
const { pathToFileURL } = require("node:url")

const { PLUGDEPS_NODE_ENVIRONMENT: environment, PLUGDEPS_NODE_ROOT: root } = process.env

// Node resolves links, wherever they are in a path.
function real(path) {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

// A server may start one of another plugin, which has another environment.
if (root && environment && real(environment) === real(__dirname)) {
  const roots = [...new Set([root, real(root)])].map(place => pathToFileURL(place + "/").href)
  const anchor = pathToFileURL(__dirname + "/index.js").href
  if (module_.registerHooks) here(roots, anchor)
  else old(roots, anchor)
}

// Since Node 22.15, for `import` and `require` alike.
function here(roots, anchor) {
  const ours = belongs(roots)
  module_.registerHooks({
    resolve(name, context, next) {
      const { parentURL } = context
      if (ours(name, context, module_.isBuiltin)) {
        try {
          return next(name, { ...context, parentURL: anchor })
        } catch (error) {
          if (!error || !/MODULE_NOT_FOUND$/.test(error.code)) throw error
        }
      }
      // Node writes what the next one is given into the context of all.
      return next(name, { ...context, parentURL })
    }
  })
}

// Before that each has its own way, and `import` is asked in a thread of its own.
function old(roots, anchor) {
  const ours = belongs(roots)
  const resolve = module_._resolveFilename
  module_._resolveFilename = function (name, parent, isMain, options) {
    const context = { parentURL: parent && parent.filename && pathToFileURL(parent.filename).href }
    if (ours(name, context, module_.isBuiltin) && !(options && options.paths)) {
      try {
        return resolve.call(this, name, parent, isMain, { paths: [__dirname] })
      } catch (error) {
        if (!error || error.code !== "MODULE_NOT_FOUND") throw error
      }
    }
    return resolve.call(this, name, parent, isMain, options)
  }
  if (module_.register) module_.register("data:text/javascript," + encodeURIComponent(imports(roots, anchor)))
}

function imports(roots, anchor) {
  return `
    import { isBuiltin } from "node:module"
    const ours = (${belongs})(${JSON.stringify(roots)})
    export async function resolve(name, context, next) {
      const { parentURL } = context
      if (ours(name, context, isBuiltin)) {
        try {
          return await next(name, { ...context, parentURL: ${JSON.stringify(anchor)} })
        } catch (error) {
          if (!error || error.code !== "ERR_MODULE_NOT_FOUND") throw error
        }
      }
      return next(name, { ...context, parentURL })
    }`
}

// Whether it is a package's name in a file of the plugin.
function belongs(roots) {
  return (name, context, isBuiltin) => {
    const from = context.parentURL || ""
    return roots.some(root => from.startsWith(root)) && !/^(?:[./#]|[a-z]+:)/i.test(name) && !isBuiltin(name)
  }
}
