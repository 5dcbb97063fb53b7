import Base

/// The legacy form, `.dat`: a count, entries, and how they came about.
///
///     entries: i32
///     times    length: i32  name  calls: i32  values: i32  f32 x values
///     optional chunks: i32  length: i32  dataset
extension ImportanceMatrix {
  /// The most a legacy file may have: larger than that of any published model.
  private static let legacyLimit: UInt64 = 4 << 30

  /// Reads the legacy form.
  init(legacy file: InputFile) throws(CheckpointError) {
    guard file.size <= Self.legacyLimit else {
      throw CheckpointError(
        .malformed, "the file has \(file.size) bytes, more than any importance matrix", file: file.path)
    }
    self = try file.withBytes(at: 0, count: Int(file.size)) { (bytes) throws(CheckpointError) in
      var reader = ByteReader(bytes, file: file.path)
      return try Self.legacy(&reader)
    }
  }

  private static func legacy(_ reader: inout ByteReader) throws(CheckpointError) -> ImportanceMatrix {
    let count = try length(&reader, "the number of entries", least: 1)
    // An entry takes at least its three numbers, a letter and a value.
    guard count <= reader.remaining / 17 else {
      throw reader.failure(
        "this is not an importance matrix: \(count) entries are claimed, more than the file could hold")
    }
    var entries: [Entry] = []
    var names: Set<BinaryString> = []
    for number in 0..<count {
      let what = "entry \(number)"
      let name = try reader.string(try length(&reader, "the name of \(what)", least: 1), "the name of \(what)")
      guard names.insert(BinaryString(name)).inserted else {
        throw reader.failure("the entry \(name) occurs twice")
      }
      let calls = try reader.i32("the calls of \(what)")
      let values = try length(&reader, "the values of \(what)", least: 1)
      guard values <= reader.remaining / 4 else {
        throw reader.failure("\(what) claims \(values) values, more than the \(reader.remaining) bytes that are left")
      }
      var sums: [Float] = []
      sums.reserveCapacity(values)
      for _ in 0..<values { sums.append(try reader.f32("the values of \(what)")) }
      // Without calls the values stand for themselves.
      entries.append(Entry(name: name, sums: sums, counts: [calls > 0 ? Float(calls) : 1]))
    }
    var chunks: UInt32?
    var datasets: [String] = []
    if reader.remaining > 0 {
      chunks = UInt32(exactly: try reader.i32("the number of chunks"))
      if reader.remaining > 0 {
        let size = try length(&reader, "the name of the dataset", least: 0)
        if size > 0 { datasets = [try reader.string(size, "the name of the dataset")] }
      }
      guard reader.remaining == 0 else {
        throw reader.failure("\(reader.remaining) bytes follow the dataset and belong to nothing")
      }
    }
    return ImportanceMatrix(entries: entries, datasets: datasets, chunkCount: chunks, chunkSize: nil)
  }

  private static func length(
    _ reader: inout ByteReader, _ what: String, least: Int32
  ) throws(CheckpointError) -> Int {
    let number = try reader.i32(what)
    guard number >= least else { throw reader.failure("\(what) is \(number); at least \(least) is needed") }
    return Int(number)
  }
}
