import Base
import Libc

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
  printError(error.told)
  exit(error.exitCode)
}

/// Writes a line to standard output.
func printLine(_ text: TerminalText) {
  emit(Array((text.text + "\n").utf8), to: STDOUT_FILENO)
}

/// Writes a part of a model's answer to standard output: as it is into a file or a pipe, and without power over a terminal.
func printAnswer(_ piece: String) {
  let text = isatty(STDOUT_FILENO) == 1 ? TerminalText(lines: piece).text : piece
  emit(Array(text.utf8), to: STDOUT_FILENO)
}

/// Writes a JSON document to standard output.
func printJSON(_ document: OrderedJSON) {
  emit(json: document.serialized(pretty: true))
}

/// Writes whole values of a JSON document to standard output, with the characters that a terminal would act upon as `\u202e`.
///
/// The writer of documents leaves those alone that JSON allows, since documents are files too and keep their characters.
func emit(json bytes: [UInt8]) {
  // Outside of ASCII there is nothing but texts, and what is looked for is there only behind these two bytes.
  guard bytes.contains(where: { $0 == 0xC2 || $0 == 0xE2 }) else { return emit(bytes, to: STDOUT_FILENO) }
  var text = ""
  for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
    if !scalar.isASCII, isActive(scalar) {
      let digits = String(scalar.value, radix: 16)
      text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
    } else {
      text.unicodeScalars.append(scalar)
    }
  }
  emit(Array(text.utf8), to: STDOUT_FILENO)
}

/// Writes a note to standard error.
func printNote(_ text: TerminalText) {
  emit(Array((text.text + "\n").utf8), to: STDERR_FILENO)
}

/// Writes what was found out about an input to standard error, unless only the result is wanted.
func printNotes(_ notes: [String], quiet: Bool) {
  if quiet { return }
  for note in notes { printNote("note: \(note)") }
}

/// Writes an error to standard error.
func printError(_ text: TerminalText) {
  printNote("quern: error: \(text)")
}

/// A JSON object from members.
func jsonObject(_ members: [(String, OrderedJSON)]) -> OrderedJSON {
  var object = OrderedObject()
  for (key, value) in members { object.append(key, value) }
  return .object(object)
}
