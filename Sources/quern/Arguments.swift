import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The words of the command line before they are parsed.
enum Arguments {
  /// The arguments as texts.
  ///
  /// - Throws: `usage` for one that is not UTF-8: as a text it would be another name, and the wrong file read or written.
  static func read() throws(CheckpointError) -> [String] {
    var arguments: [String] = []
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = CommandLine.unsafeArgv[index] else { break }
      let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
      guard isUTF8(bytes) else {
        throw CheckpointError(
          .usage,
          "this argument is not UTF-8, as names and texts have to be; rename the file, or make a link to it under another "
            + "name (ln -s)", file: textWithBytesShown(bytes))
      }
      arguments.append(String(decoding: bytes, as: UTF8.self))
    }
    return arguments
  }
}
