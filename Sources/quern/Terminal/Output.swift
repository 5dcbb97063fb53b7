import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes bytes to a descriptor, all of them.
///
/// A result that cannot be written ends the program: it must not look as if it had been delivered. What goes to standard
/// error is for a reader who may have left, and its loss changes no result.
func emit(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      rest = rest.dropFirst(count)
    } else if errno == EAGAIN {
      var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&ready, 1, -1)
    } else if errno != EINTR {
      if descriptor == STDOUT_FILENO { endAfterFailedWrite(errno) }
      return
    }
  }
}

/// Ends the program after standard output failed: as the signal would have for a reader that went away, else with the reason.
private func endAfterFailedWrite(_ number: Int32) -> Never {
  if number == EPIPE {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
  }
  let error = CheckpointError(
    .inputOutput, "writing failed", file: "standard output", cause: systemMessage(number))
  printError(error.description)
  exit(error.exitCode)
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
