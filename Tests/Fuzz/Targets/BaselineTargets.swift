import Base
import Evaluation
import Runtime

extension FuzzTargets {
  static let baseline = FuzzTarget(
    name: "baseline", longest: 1 << 12,
    words: [
      "quernbsl\\x01\\x00\\x00\\x00", "_logits_", "\"entries\":", "\"context\":", "\"windows\":", "\"positions\":",
      "\"vocabulary\":", "\"seed\":", "\"sha256\":", "\"weights\":", "18446744073709551615",
      "\\xff\\xff\\xff\\xff\\x0f",
      "\\x80\\x80\\x80\\x80\\x80", "\\x00\\x00\\x80\\x7f", "\\x00\\x00\\x00\\x00\\x00\\x00\\xf0\\x7f",
      "\\x00\\x00\\x00\\x00\\x00\\x00\\xf0\\xff",
    ],
    seeds: { [try recorded(), llamaBase()] },
    prepare: {
      let (model, folder) = (try SmallModel(), try FuzzFolder())
      let opened = try OpenedModel(model.folder.path)
      func use(_ input: [UInt8]) throws {
        try folder.put("a", input)
        try attempt {
          guard let record = try OpenedRecord(folder.file("a")) else { return }
          let found = try Validation.measure(record: record, after: [opened], texts: [], windows: 2, threads: 1)
          for result in found.after {
            try promise(result.all.divergence.mean.value >= -1e-9, "a divergence is negative")
            try promise(result.all.divergence.mean.value.isFinite, "a divergence is not a number")
          }
        }
      }
      return { input in
        try use(input)
        // With the sum put right the rest is read.
        guard input.starts(with: Baseline.magic), input.count > 32 else { return }
        let content = Array(input.dropLast(32))
        try use(content + SHA256Hash.bytes(of: content.withUnsafeBytes { SHA256Hash.hash($0) }))
      }
    })

  /// A baseline of the small model.
  private static func recorded() throws -> [UInt8] {
    let (model, folder) = (try SmallModel(), try FuzzFolder())
    let opened = try OpenedModel(model.folder.path)
    let recorder = try BaselineRecorder(path: folder.file("a"), entries: 16, overwrite: false)
    let text = TextSource(name: "text", bytes: Array("hello world hello hello a b c".utf8))
    _ = try Validation.measure(
      before: opened, after: [], texts: [text], context: 8, windows: 2, threads: 1, recorder: recorder)
    _ = try recorder.write(opened)
    return try FileSystem.read(folder.file("a"))
  }

  /// A base file of one window of four tokens, every token as likely as any other.
  private static func llamaBase() -> [UInt8] {
    func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) } }
    let header = Array("_logits_".utf8) + [4, 32, 1, 1, 2, 3, 4].flatMap { word($0) }
    return header + word(0) + word(Float(-3.4657359).bitPattern) + [UInt8](repeating: 0, count: 64)
  }
}
