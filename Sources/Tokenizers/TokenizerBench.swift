import Base

/// How fast a tokenizer encodes, on one thread, as a program would use it.
package enum TokenizerBench {
  /// The time of each repetition in seconds.
  ///
  /// The first starts with no word known and tables not yet built; later ones find most words.
  ///
  /// - Throws: what encoding throws.
  package static func seconds(
    _ tokenizer: Tokenizer, _ text: [UInt8], repetitions: Int
  ) throws(CheckpointError) -> [Double] {
    let clock = ContinuousClock()
    var result: [Double] = []
    for _ in 0..<repetitions {
      let start = clock.now
      _ = try tokenizer.encode(text)
      let (seconds, attoseconds) = (clock.now - start).components
      result.append(Double(seconds) + Double(attoseconds) * 1e-18)
    }
    return result
  }
}
