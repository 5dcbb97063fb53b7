import Base
import Libc

/// The words of the command line before they are parsed.
enum Arguments {
  /// The arguments as texts, the files of one split model as that model.
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
    return joiningShards(arguments)
  }

  /// The arguments with every row of files of one split model, as a shell makes it of `model-*.gguf`, as one.
  private static func joiningShards(_ arguments: [String]) -> [String] {
    var result: [String] = []
    var place = 0
    while place < arguments.count {
      let row = shards(arguments[place...])
      guard row.count > 1 else {
        result.append(arguments[place])
        place += 1
        continue
      }
      let model = model(of: row)
      result.append(model)
      place += row.count
      // `model*` finds the index too.
      if place < arguments.count, arguments[place] == model { place += 1 }
    }
    return result
  }

  /// The files of one split model that arguments begin with.
  private static func shards(_ arguments: ArraySlice<String>) -> ArraySlice<String> {
    guard let first = arguments.first.flatMap({ Path($0).shard }) else { return [] }
    return arguments.prefix { Path($0).shard?.isSibling(of: first) == true && FileSystem.isFile($0) }
  }

  /// What stands for all files of a split model: any file of a GGUF, and for safetensors the index, or the folder, which says
  /// that the index is missing.
  private static func model(of files: ArraySlice<String>) -> String {
    guard let first = files.first, let name = Path(first).shard, name.ending == ".safetensors" else {
      return files.first ?? ""
    }
    let index = name.stem + ".safetensors.index.json"
    return FileSystem.isFile(index) ? index : Path(first).folder
  }
}
