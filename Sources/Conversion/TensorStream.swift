import Architectures
import Containers
import Quants
import Base

/// Memory of one worker, reused from piece to piece.
final class Workspace: @unchecked Sendable {
  // Unchecked because each workspace belongs to one thread of the pipeline at a time.
  private(set) var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private(set) var moved = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private(set) var floats = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)

  deinit {
    bytes.deallocate()
    moved.deallocate()
    floats.deallocate()
  }

  /// Room for stored bytes.
  func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer { Self.room(&bytes, count) }

  /// Room for stored bytes in another order.
  func moved(_ count: Int) -> UnsafeMutableRawBufferPointer { Self.room(&moved, count) }

  /// Room for decoded values.
  func floats(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
    if floats.count < count {
      floats.deallocate()
      floats = .allocate(capacity: count)
    }
    return UnsafeMutableBufferPointer(rebasing: floats[..<count])
  }

  static func room(_ buffer: inout UnsafeMutableRawBufferPointer, _ count: Int) -> UnsafeMutableRawBufferPointer {
    if buffer.count < count {
      buffer.deallocate()
      buffer = .allocate(byteCount: count, alignment: 64)
    }
    return UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
  }
}

/// One piece of a tensor on its way: a range of its values, in the order of the output.
struct Piece: Sendable {
  let file: Int
  let tensor: Int
  let values: Range<Int>
  let byteCount: Int
}

/// Produces the stored bytes of any range of one planned tensor.
struct TensorStream: Sendable {
  private let plan: PlannedTensor
  private let kernels: Kernels
  private let columnCount: Int
  private let rows: BlockPermutation?
  private let columns: BlockPermutation?

  /// Source bytes a piece aims at: large enough to read and write at full speed, small enough to stay in the cache.
  static let pieceBytes = 2 << 20
  /// Values decoded at a time.
  private static let stripe = 1 << 15

  init(_ plan: PlannedTensor, kernels: Kernels) {
    self.plan = plan
    self.kernels = kernels
    columnCount = max(1, plan.shape.columns)
    if case .stream(let rows, let columns) = plan.work {
      (self.rows, self.columns) = (rows, columns)
    } else {
      (rows, columns) = (nil, nil)
    }
  }

  /// Cuts a tensor into pieces of whole rows; rows that are longer than a piece are cut at block boundaries.
  static func pieces(_ plan: PlannedTensor, file: Int, tensor: Int) -> [Piece] {
    let count = plan.shape.elementCount
    guard case .stream(let rows, let columns) = plan.work, let source = plan.sources.first else {
      return [Piece(file: file, tensor: tensor, values: 0..<count, byteCount: plan.byteCount)]
    }
    let width = max(1, plan.shape.columns)
    let weight = max(
      Double(source.type.blockBytes) / Double(source.type.blockElements),
      Double(plan.type.blockBytes) / Double(plan.type.blockElements))
    let wanted = max(1, Int(Double(pieceBytes) / weight))
    var step = wanted / width * width
    if step == 0 {
      // 1024 is a multiple of every block; a row that moves, whose columns do, or that has importance is never cut.
      step = rows == nil && columns == nil && plan.importance == nil ? max(1024, wanted / 1024 * 1024) : width
    }
    return stride(from: 0, to: count, by: step).map { start in
      let values = start..<min(count, start + step)
      return Piece(
        file: file, tensor: tensor, values: values,
        byteCount: values.count / plan.type.blockElements * plan.type.blockBytes)
    }
  }

  /// Asks for the source of a range of values that will be produced soon.
  func willNeed(_ values: Range<Int>) {
    guard case .stream(nil, _) = plan.work, let source = plan.sources.first else { return }
    let start = values.lowerBound / source.type.blockElements * source.type.blockBytes
    let count = values.count / source.type.blockElements * source.type.blockBytes
    source.willNeed(at: start, count: count)
  }

  /// Writes the stored bytes of a range of values into `output`, which has exactly their length.
  ///
  /// - Throws: `malformed` for a value that the output's type cannot hold, naming its tensor and index.
  func produce(
    _ values: Range<Int>, into output: UnsafeMutableRawBufferPointer, _ space: Workspace
  ) throws(CheckpointError) {
    switch plan.work {
    case .stream: try stream(values, into: output, space)
    case .whole(let steps):
      var parts: [[Float]] = []
      for source in plan.sources { parts.append(try source.readFloats()) }
      try encode(TransformSteps.joined(parts, steps, as: plan.type.elementType ?? .f32), into: output)
    }
  }

  private func stream(
    _ values: Range<Int>, into output: UnsafeMutableRawBufferPointer, _ space: Workspace
  ) throws(CheckpointError) {
    let source = plan.sources[0]
    let isSame = source.type == plan.type
    if isSame, columns == nil { return try read(values, into: output) }
    let bytes = space.bytes(values.count / source.type.blockElements * source.type.blockBytes)
    try read(values, into: bytes)
    var stored = UnsafeRawBufferPointer(bytes)
    var movesFloats = columns != nil
    if let columns, columns.block % source.type.blockElements == 0 {
      let target = isSame ? output : space.moved(bytes.count)
      moveColumns(columns, UnsafeRawBufferPointer(bytes), target, source.type)
      if isSame { return }
      stored = UnsafeRawBufferPointer(target)
      movesFloats = false
    }
    let from = try RowCodec(source.type, kernels: kernels)
    let to = try RowCodec(plan.type, kernels: kernels)
    // Stripes of whole rows, or of whole blocks where a row is longer than a stripe.
    let stripe =
      columnCount <= Self.stripe || columns != nil || plan.importance != nil
      ? max(1, Self.stripe / columnCount) * columnCount : Self.stripe
    var done = 0
    while done < values.count {
      let part = done..<min(values.count, done + stripe)
      var floats = space.floats(2 * part.count)
      floats = UnsafeMutableBufferPointer(rebasing: floats[..<part.count])
      from.decode(slice(stored, part, source.type), into: floats)
      let largest = try check(floats, first: values.lowerBound + done)
      if movesFloats, let columns {
        let other = UnsafeMutableBufferPointer(rebasing: space.floats[part.count..<2 * part.count])
        for row in 0..<part.count / columnCount {
          for column in 0..<columnCount {
            other[row * columnCount + column] = floats[row * columnCount + columns.source(of: column)]
          }
        }
        floats = other
      }
      let target = part.lowerBound / plan.type.blockElements * plan.type.blockBytes
      let size = part.count / plan.type.blockElements * plan.type.blockBytes
      let blocks = UnsafeMutableRawBufferPointer(rebasing: output[target..<target + size])
      encode(UnsafeBufferPointer(floats), to, firstRow: (values.lowerBound + done) / columnCount, into: blocks)
      if largest > Self.safeMagnitude || plan.importance != nil {
        try checkScales(blocks, first: values.lowerBound + done, largest)
      }
      done = part.upperBound
    }
  }

  /// Packs a stripe: as one by the plain rule, row by row with importance, whose rules look at whole rows.
  private func encode(
    _ values: UnsafeBufferPointer<Float>, _ codec: RowCodec, firstRow: Int, into output: UnsafeMutableRawBufferPointer
  ) {
    guard let importance = plan.importance else { return codec.encode(values, importance: nil, into: output) }
    let rowBytes = columnCount / plan.type.blockElements * plan.type.blockBytes
    let matrixRows = plan.shape.rank > 1 ? plan.shape.dimensions[plan.shape.rank - 2] : 1
    importance.withUnsafeBufferPointer { importance in
      for row in 0..<values.count / columnCount {
        let start = (firstRow + row) / matrixRows * columnCount
        codec.encode(
          UnsafeBufferPointer(rebasing: values[row * columnCount..<(row + 1) * columnCount]),
          importance: UnsafeBufferPointer(rebasing: importance[start..<start + columnCount]),
          into: UnsafeMutableRawBufferPointer(rebasing: output[row * rowBytes..<(row + 1) * rowBytes]))
      }
    }
  }

  private func slice(_ bytes: UnsafeRawBufferPointer, _ part: Range<Int>, _ type: TensorType) -> UnsafeRawBufferPointer
  {
    let start = part.lowerBound / type.blockElements * type.blockBytes
    return UnsafeRawBufferPointer(rebasing: bytes[start..<start + part.count / type.blockElements * type.blockBytes])
  }

  /// Reads a range of values, rows taken from where the source has them.
  private func read(_ values: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    let source = plan.sources[0]
    let (elements, size) = (source.type.blockElements, source.type.blockBytes)
    guard let rows else {
      return try source.readBlocks(into: target, at: values.lowerBound / elements * size)
    }
    let rowBytes = columnCount / elements * size
    var row = values.lowerBound / columnCount
    let end = values.upperBound / columnCount
    var filled = 0
    while row < end {
      let count = min(rows.run(at: row), end - row)
      let part = UnsafeMutableRawBufferPointer(rebasing: target[filled..<filled + count * rowBytes])
      try source.readBlocks(into: part, at: rows.source(of: row) * rowBytes)
      filled += part.count
      row += count
    }
  }

  private func moveColumns(
    _ columns: BlockPermutation, _ from: UnsafeRawBufferPointer, _ to: UnsafeMutableRawBufferPointer,
    _ type: TensorType
  ) {
    let blockBytes = columns.block / type.blockElements * type.blockBytes
    let rowBytes = columnCount / type.blockElements * type.blockBytes
    for row in stride(from: 0, to: from.count, by: rowBytes) {
      for (index, source) in columns.sources.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: to[row + index * blockBytes..<row + (index + 1) * blockBytes])
          .copyMemory(
            from: UnsafeRawBufferPointer(rebasing: from[row + source * blockBytes..<row + (source + 1) * blockBytes]))
      }
    }
  }

  private func encode(_ values: [Float], into output: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    let codec = try RowCodec(plan.type, kernels: kernels)
    let limit = Self.limit(of: plan.type)
    // The index is one of the output: a transform has moved or made the value.
    for (index, value) in values.enumerated() where !(value.magnitude <= limit) {
      throw plan.sources[0].failure(
        .malformed, "value \(index) would become \(value), which \(plan.type.name) cannot hold; use F32")
    }
    values.withUnsafeBufferPointer { codec.encode($0, importance: nil, into: output) }
  }

  /// The largest magnitude that a type takes.
  private static func limit(of type: TensorType) -> Float {
    switch type {
    // From here on it rounds to infinity.
    case .f16: Float(65520).nextDown
    case .bf16: Float(bitPattern: 0x7F7F_7FFF)
    case .f32: .greatestFiniteMagnitude
    // Beyond, squares overflow and encoders see nothing; formats with F16 scales end at 3e8 anyway.
    default: type.name == "MXFP4" ? .greatestFiniteMagnitude : 1e12
    }
  }

  /// Refuses values that the output's type cannot hold.
  ///
  /// `first` is the index of the first value in the output. Returns the largest magnitude among values that become blocks.
  private func check(_ values: UnsafeMutableBufferPointer<Float>, first: Int) throws(CheckpointError) -> Float {
    // Numbers that were read are finite, but the blocks of MXFP4 may stand for larger ones than F32 has.
    if plan.type == .f32, !plan.sources[0].type.isBlock { return 0 }
    let limit = Self.limit(of: plan.type)
    // The bits of magnitudes order like the magnitudes, with NaN above infinity.
    var largest: UInt32 = 0
    for value in values { largest = max(largest, value.bitPattern & 0x7FFF_FFFF) }
    guard largest > limit.bitPattern else { return Float(bitPattern: largest) }
    for (offset, value) in values.enumerated() where value.bitPattern & 0x7FFF_FFFF > limit.bitPattern {
      let index = sourceIndex(first + offset)
      let other = plan.type == .bf16 ? "F32" : "BF16 or F32"
      throw plan.sources[0].failure(
        .malformed, "value \(index) is \(value), which is too large for \(plan.type.name); use \(other)")
    }
    return Float(bitPattern: largest)
  }

  /// Up to here no format's scale leaves the range of F16 without importance.
  private static let safeMagnitude: Float = 4096

  /// Refuses blocks whose scale has become infinite or NaN, as llama-quantize does.
  private func checkScales(
    _ blocks: UnsafeMutableRawBufferPointer, first: Int, _ largest: Float
  ) throws(CheckpointError) {
    guard let block = ScaleCheck.firstBadBlock(of: plan.type, in: UnsafeRawBufferPointer(blocks)) else { return }
    let index = first / plan.type.blockElements + block
    throw plan.sources[0].failure(
      .malformed,
      "the scale of \(plan.type.name) block \(index) would not be a finite number; magnitudes reach \(largest) there")
  }

  /// Where a value of the output lies in the source.
  private func sourceIndex(_ index: Int) -> Int {
    let (row, column) = index.quotientAndRemainder(dividingBy: columnCount)
    return (rows?.source(of: row) ?? row) * columnCount + column
  }
}
