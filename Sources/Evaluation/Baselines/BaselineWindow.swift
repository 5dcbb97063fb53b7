import Base
import Libc

/// One window of a baseline: its tokens, and what is kept of the positions that are scored (formats/baseline.md).
struct BaselineWindow: Sendable, Equatable {
  let window: TokenWindow
  /// One for each scored position.
  let samples: [RowSample]

  init(window: TokenWindow, samples: [RowSample]) {
    self.window = window
    self.samples = samples
  }

  /// The window as it is written.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(window.tokens.count * 3 + samples.count * 600)
    bytes.append(short: window.tokens.count)
    for token in window.tokens { bytes.append(short: Int(token)) }
    let runs = Self.runs(window.scored)
    bytes.append(short: runs.count)
    var end = 0
    for run in runs {
      bytes.append(short: run.lowerBound - end)
      bytes.append(short: run.count)
      end = run.upperBound
    }
    for sample in samples {
      bytes.append(word: sample.text.bitPattern)
      bytes.append(word: sample.entropy.bitPattern)
      bytes.append(word: sample.remaining.bitPattern)
      bytes.append(word: sample.threshold.bitPattern)
      for entry in sample.likeliest { bytes.append(short: Int(entry.id)) }
      for entry in sample.likeliest { bytes.append(word: entry.logProbability.bitPattern) }
      bytes.append(short: sample.others.count)
      var next: Int32 = 0
      for other in sample.others {
        bytes.append(short: Int(other.id - next))
        next = other.id + 1
      }
      for other in sample.others { bytes.append(word: other.depth) }
    }
    return bytes
  }

  /// Ranges that make up ascending numbers.
  private static func runs(_ numbers: [Int]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound == number {
        runs[runs.count - 1] = last.lowerBound..<number + 1
      } else {
        runs.append(number..<number + 1)
      }
    }
    return runs
  }

  /// Reads a window of which nothing is believed.
  init(_ reader: inout ByteReader, _ header: BaselineHeader) throws(CheckpointError) {
    let count = try reader.short("the number of tokens of a window", below: header.context + 1)
    var tokens: [Int32] = []
    tokens.reserveCapacity(min(count, reader.remaining))
    for _ in 0..<count { tokens.append(Int32(try reader.short("a token of a window", below: header.vocabulary))) }
    let scored = try Self.scored(&reader, count)
    guard !scored.isEmpty else { throw reader.failure("a window has no scored position") }
    var samples: [RowSample] = []
    for position in scored { samples.append(try RowSample(&reader, token: tokens[position + 1], header)) }
    self.init(window: TokenWindow(tokens: tokens, scored: scored), samples: samples)
  }

  /// Reads the runs of scored positions of a window of `count` tokens; every position has a successor.
  private static func scored(_ reader: inout ByteReader, _ count: Int) throws(CheckpointError) -> [Int] {
    var scored: [Int] = []
    var end = 0
    for _ in 0..<(try reader.short("the number of runs of a window", below: count + 1)) {
      let start = end + (try reader.short("the beginning of a run", below: max(1, count - end)))
      let length = try reader.short("the length of a run", below: max(1, count - start))
      scored += start..<start + length
      end = start + length
    }
    return scored
  }
}

extension RowSample {
  /// Reads a position at which the text goes on with `token`.
  fileprivate init(_ reader: inout ByteReader, token: Int32, _ header: BaselineHeader) throws(CheckpointError) {
    let start = reader
    func require(_ isSo: Bool, _ what: @autoclosure () -> String) throws(CheckpointError) {
      if !isSo { throw start.failure("a position cannot be so: \(what())") }
    }
    let text = try reader.f64("a position")
    let entropy = try reader.f64("a position")
    let remaining = try reader.f64("a position")
    let threshold = try reader.f32("a position")
    try require(text >= -1e9 && text <= 0, "the text's token has ln p of \(text)")
    try require(entropy >= 0 && entropy <= log(Double(header.vocabulary)) + 1e-6, "the entropy is \(entropy)")
    try require(remaining >= 0 && remaining <= 1, "the tokens left out have a probability of \(remaining)")
    var ids: [Int32] = []
    for _ in 0..<RowSample.likeliestCount {
      let id = Int32(try reader.short("one of the likeliest tokens", below: header.vocabulary))
      try require(!ids.contains(id), "token \(id) is twice among the likeliest")
      ids.append(id)
    }
    var likeliest: [Likely] = []
    var last: Float = 0
    for id in ids {
      let value = try reader.f32("a position")
      try require(
        value <= last && value >= -.greatestFiniteMagnitude, "the likeliest have ln p of \(last), then \(value)")
      last = value
      likeliest.append(Likely(id: id, logProbability: value))
    }
    let least = exp(Double(last))
    // The largest mean of what is less likely than that.
    try require(
      threshold >= 0 && Double(threshold) <= least * Double(header.vocabulary), "the threshold is \(threshold)")
    let known = likeliest.first { $0.id == token }
    try require(
      known.map { abs(Double($0.logProbability) - text) <= 1e-6 + 1e-6 * abs(text) } ?? (text <= Double(last) + 1e-6),
      "the text's token has ln p of \(text) and another")
    let count = try reader.short("the number of tokens", below: header.entries - RowSample.likeliestCount + 1)
    var others: [Int32] = []
    others.reserveCapacity(count)
    var next = 0
    for _ in 0..<count {
      let id = Int32(next + (try reader.short("a token of the sample", below: header.vocabulary - next)))
      try require(id != token && !ids.contains(id), "token \(id) is kept twice")
      others.append(id)
      next = Int(id) + 1
    }
    var sample: [Other] = []
    sample.reserveCapacity(count)
    for id in others { sample.append(Other(id: id, depth: try reader.u16("a position"))) }
    self.init(
      likeliest: likeliest, others: sample, text: text, entropy: entropy, remaining: remaining, threshold: threshold)
    let sum =
      likeliest.reduce(remaining + (known == nil ? exp(text) : 0)) { $0 + exp(Double($1.logProbability)) }
      + sample.reduce(0) { $0 + exp(logProbability($1)) }
    try require(abs(sum - 1) < 1e-3, "all probabilities together are \(sum)")
  }
}

extension ByteReader {
  /// The next number of one to five bytes, seven bits each, the low ones first.
  fileprivate mutating func short(_ what: @autoclosure () -> String, below limit: Int) throws(CheckpointError) -> Int {
    var value = 0
    for shift in stride(from: 0, to: 35, by: 7) {
      let byte = try u8(what())
      value |= Int(byte & 0x7F) << shift
      if byte < 0x80 {
        guard byte > 0 || shift == 0 else { throw failure("\(what()) is written with more bytes than it needs") }
        guard value < limit else { throw failure("\(what()) is \(value), the largest that can be is \(limit - 1)") }
        return value
      }
    }
    throw failure("\(what()) has more than five bytes")
  }
}

extension [UInt8] {
  /// Appends a number in one to five bytes, seven bits each, the low ones first.
  fileprivate mutating func append(short value: Int) {
    var value = value
    while value >= 0x80 {
      append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    append(UInt8(value))
  }

  /// Appends a number, its low byte first.
  mutating func append(word value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
