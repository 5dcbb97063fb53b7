import CFuzzer
import Foundation
import FuzzTargets

/// Runs one target under libFuzzer: `QUERN_FUZZ_TARGET=gguf quern-fuzz [libFuzzer's options] CORPUS`.
///
/// The target comes from the environment because libFuzzer starts the program again with its own arguments. Without one
/// the targets are listed with their longest inputs; with `QUERN_FUZZ_SEEDS=FOLDER` seeds and dictionary are written there.
@main struct Driver {
  /// libFuzzer's callback has no place for a closure.
  nonisolated(unsafe) private static var body: FuzzTarget.Body = { _ in }

  static func main() throws {
    let environment = ProcessInfo.processInfo.environment
    guard let name = environment["QUERN_FUZZ_TARGET"] else {
      for target in FuzzTargets.all { print(target.name, target.longest) }
      return
    }
    guard let target = FuzzTargets.all.first(where: { $0.name == name }) else {
      fatalError("there is no fuzz target \(name)")
    }
    if let folder = environment["QUERN_FUZZ_SEEDS"] { return try write(target, to: URL(filePath: folder)) }
    body = try target.prepare()
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    exit(
      LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
        do {
          try Driver.body(Array(UnsafeBufferPointer(start: bytes, count: count)))
        } catch {
          fatalError("\(error)")
        }
        return 0
      })
  }

  private static func write(_ target: FuzzTarget, to folder: URL) throws {
    let seeds = folder.appending(path: "seeds")
    try FileManager.default.createDirectory(at: seeds, withIntermediateDirectories: true)
    for (index, seed) in try target.seeds().enumerated() where seed.count <= target.longest {
      try Data(seed).write(to: seeds.appending(path: String(index)))
    }
    let words = target.words.map { "\"\($0.replacing("\"", with: "\\\""))\"\n" }.joined()
    try Data(words.utf8).write(to: folder.appending(path: "words"))
  }
}
