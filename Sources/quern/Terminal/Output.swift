import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes bytes to a descriptor, all of them; a reader that went away ends the program quietly.
func emit(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      rest = rest.dropFirst(count)
    } else if errno != EINTR {
      return
    }
  }
}

/// Writes text to standard output without a line feed.
func printPart(_ text: String) {
  emit(Array(text.utf8), to: STDOUT_FILENO)
}

/// Writes a line to standard output.
func printLine(_ text: String) {
  printPart(text + "\n")
}

/// Writes a JSON document to standard output.
func printJSON(_ document: OrderedJSON) {
  emit(document.serialized(pretty: true), to: STDOUT_FILENO)
}

/// Writes a note to standard error.
func printNote(_ text: String) {
  emit(Array((text + "\n").utf8), to: STDERR_FILENO)
}

/// Writes an error to standard error.
func printError(_ text: String) {
  printNote("quern: error: " + text)
}

/// A JSON object from members.
func jsonObject(_ members: [(String, OrderedJSON)]) -> OrderedJSON {
  var object = OrderedObject()
  for (key, value) in members { object.append(key, value) }
  return .object(object)
}
