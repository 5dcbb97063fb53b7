import Base
import Calibration
import Containers
import Engine
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

@Suite("Calibrating the tiny model") struct CalibrateTests {
  static let model = Fixtures.path("tiny-qwen3.5")

  private func text(_ opened: OpenedModel, windows: Int, context: Int) throws -> CalibrationText {
    let bytes = try Fixtures.bytes("text/persuasion.txt")
    return try CalibrationText(
      [(TextSource(name: "text", bytes: bytes), 1)], of: opened, context: context, windows: windows)
  }

  @Test("Importance and sensitivities do not depend on threads")
  func threads() throws {
    let opened = try OpenedModel(Self.model)
    let text = try text(opened, windows: 2, context: 64)
    let results = try [1, 3].map {
      try CalibrationRun(opened, text, context: 64, threads: $0)(.measured)
    }
    #expect(results[0].importance == results[1].importance)
    #expect(results[0].sensitivities == results[1].sensitivities)
    #expect(results[0].origin == results[1].origin)
    // Every matrix of the layers, and the table in three types.
    #expect(results[0].sensitivities.count == results[0].importance.entries.count + 3)
    #expect(results[0].sensitivities.allSatisfy { $0.divergence > 0 && $0.divergence < 1 })
  }

  @Test("A tensor's divergence is that of whole logits in double precision")
  func measured() throws {
    let opened = try OpenedModel(Self.model)
    let text = try text(opened, windows: 1, context: 64)
    let name = "blk.3.attn_output.weight"
    let result = try CalibrationRun(opened, text, context: 64, threads: 2)(.measured)
    let found = try #require(result.sensitivities.first { $0.name == name })
    // The same by other means: the whole matrix encoded here, all logits at once, and plain sums.
    let matrix = try #require(try NamedMatrices(opened).all.first { $0.name == name }).items[0]
    let importance = try #require(result.importance[name]).weights
    let codec = try RowCodec(found.type)
    var bytes: [UInt8] = []
    for row in 0..<matrix.rows {
      var values = [Float](repeating: 0, count: matrix.columns)
      values.withUnsafeMutableBufferPointer { matrix.decode(row: row, into: $0) }
      var blocks = [UInt8](repeating: 0, count: try found.type.byteCount(columns: matrix.columns))
      blocks.withUnsafeMutableBytes { blocks in
        values.withUnsafeBufferPointer { values in
          importance.withUnsafeBufferPointer { codec.encode(values, importance: $0, into: blocks) }
        }
      }
      bytes += blocks
    }
    var compute = Compute(threads: 2)
    func probabilities() throws -> [[Double]] {
      let sequence = text.sequences[0]
      var state = opened.model.makeState(capacity: 64)
      let hidden = try opened.model.forward(sequence.tokens, state: &state, compute: compute)
      let normed = opened.model.normed(hidden, rows: 0..<64, compute: compute)
      let logits = opened.model.logits(normed, vocabulary: 0..<opened.model.vocabularySize, compute: compute)
      return sequence.scored.map { row in
        let values = logits.row(row).map { Double($0) }
        let top = values.max() ?? 0
        let sum = Foundation.log(values.reduce(0) { $0 + exp($1 - top) }) + top
        return values.map { $0 - sum }
      }
    }
    let before = try probabilities()
    compute.replaced[name] = try WeightMatrix(
      rows: matrix.rows, columns: matrix.columns, type: found.type, copying: bytes)
    let after = try probabilities()
    var sum = 0.0
    for (p, q) in zip(before, after) { sum += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } }
    #expect(
      abs(sum / Double(before.count) - found.divergence) < 1e-6 * max(1, found.divergence) + found.divergence * 1e-3)
  }

  @Test("A calibration of another model is refused by name")
  func otherModel() throws {
    let opened = try OpenedModel(Self.model)
    var calibration = CalibrationFileTests.sample
    calibration.origin.fingerprint = try ModelFingerprint.of(opened)
    try calibration.check(opened, in: "a.cal")
    var stranger = calibration
    stranger.origin.sequences[0] = CalibrationSequence(TokenWindow(tokens: [1, 4096, 2], scored: [0]))
    let token = try #require(throws: CheckpointError.self) { try stranger.check(opened, in: "a.cal") }
    #expect(token.code == .mismatch && token.file == "a.cal" && token.message.contains("token 4096"), "\(token)")
    calibration.origin.fingerprint = String(repeating: "0", count: 64)
    let error = try #require(throws: CheckpointError.self) { try calibration.check(opened, in: "a.cal") }
    #expect(error.code == CheckpointError.Code.mismatch)
    #expect(error.message.contains("folder") && error.message.contains("tiny-qwen3.5"))
  }

  @Test("Windows are shared out by shares, and none gives more than it has")
  func shares() {
    #expect(CalibrationText.shares(of: 7, among: [(10, 1), (10, 1), (10, 1)]) == [3, 2, 2])
    #expect(CalibrationText.shares(of: 8, among: [(10, 3), (10, 1)]) == [6, 2])
    #expect(CalibrationText.shares(of: 8, among: [(2, 3), (10, 1)]) == [2, 6])
    #expect(CalibrationText.shares(of: 100, among: [(2, 3), (3, 1)]) == [2, 3])
  }
}
