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
struct RowStream: Sendable {
  private let plan: PlannedTensor
  private let guidance: LateGuidance?
  private let kernels: Kernels
  private let columnCount: Int
  /// Values of each part, where one follows another.
  private let partCount: Int
  /// How rows of the parts are brought together, where they do not.
  private let join: RowJoin?
  /// Held by whoever takes an item through its steps.
  private let turn = Lock<Void>(())

  /// Source bytes a piece aims at: large enough to read and write at full speed, small enough to stay in the cache.
  static let pieceBytes = 2 << 20
  /// Values decoded at a time.
  private static let stripe = 1 << 15

  init(_ plan: PlannedTensor, guide: (any EncodingGuide)?, kernels: Kernels) {
    self.plan = plan
    self.kernels = kernels
    guidance = plan.guidance == .none ? nil : guide.map { LateGuidance($0, plan.description) }
    columnCount = max(1, plan.shape.columns)
    partCount = max(1, plan.shape.elementCount / max(1, plan.parts.count))
    join = plan.streams ? plan.join : nil
  }

  /// Tells that the tensor is written.
  func end() { guidance?.drop() }

  /// Cuts a tensor into pieces of whole rows, none of two parts; rows that are longer than a piece are cut at block boundaries.
  static func pieces(_ plan: PlannedTensor, file: Int, tensor: Int) -> [Piece] {
    let count = plan.shape.elementCount
    guard plan.streams else {
      let items = plan.items
      return (0..<items).map { item in
        let values = item * (count / items)..<(item + 1) * (count / items)
        return Piece(file: file, tensor: tensor, values: values, byteCount: plan.byteCount / items)
      }
    }
    // Halves of blocks are cut at whole rows of their source.
    let width = max(1, plan.half.map { plan.parts[0].source.shape.columns / $0.weightsPerByte } ?? plan.shape.columns)
    let isJoined = plan.join != nil
    let partCount = max(1, isJoined ? count : count / plan.parts.count)
    return plan.parts.prefix(isJoined ? 1 : plan.parts.count).enumerated().flatMap { index, part in
      let weight = max(
        Double(part.source.type.blockBytes) / Double(part.source.type.blockElements),
        Double(plan.type.blockBytes) / Double(plan.type.blockElements))
      let wanted = max(1, Int(Double(pieceBytes) / weight))
      var step = wanted / width * width
      if step == 0 {
        // 1024 is a multiple of every block; a row that moves, whose columns do, or that has importance is never cut.
        let isFree = part.steps.isEmpty && plan.guidance == .none && plan.half == nil
        step = isFree ? max(1024, wanted / 1024 * 1024) : width
      }
      let end = min(count, (index + 1) * partCount)
      return stride(from: index * partCount, to: end, by: step).map { start in
        let values = start..<min(end, start + step)
        return Piece(
          file: file, tensor: tensor, values: values,
          byteCount: values.count / plan.type.blockElements * plan.type.blockBytes)
      }
    }
  }

  /// The part that a range of values comes from, and the number of its first value.
  private func part(of values: Range<Int>) -> (part: TensorPart, first: Int) {
    let index = min(values.lowerBound / partCount, plan.parts.count - 1)
    return (plan.parts[index], index * partCount)
  }

  /// Asks for the source of a range of values that will be produced soon.
  func willNeed(_ values: Range<Int>) {
    guard plan.streams, join == nil, plan.half == nil else { return }
    let (part, first) = part(of: values)
    guard part.rows == nil else { return }
    let (elements, size) = (part.source.type.blockElements, part.source.type.blockBytes)
    part.source.willNeed(at: (values.lowerBound - first) / elements * size, count: values.count / elements * size)
  }

  /// Writes the stored bytes of a range of values into `output`, which has exactly their length.
  ///
  /// - Throws: `malformed` for a value that the output's type cannot hold, naming its tensor and index.
  func produce(
    _ values: Range<Int>, into output: UnsafeMutableRawBufferPointer, _ space: Workspace
  ) throws(CheckpointError) {
    if let half = plan.half { return try split(values, half, into: output, space) }
    if join != nil, plan.parts.contains(where: { $0.source.type != plan.parts[0].source.type }) {
      return try mix(values, into: output, space)
    }
    guard !plan.streams else { return try stream(values, into: output, space) }
    if let computed = plan.computed { return try encode(computed, into: output) }
    let (count, items) = (plan.shape.elementCount, plan.items)
    guard items == 1 else {
      // One at a time, since an item takes as much memory as many pieces.
      return try turn.withLock { (_) throws(CheckpointError) in
        try whole(item: values.lowerBound / (count / items), into: output)
      }
    }
    try whole(item: nil, into: output)
  }

  /// Takes a tensor, or an item of it, through steps that move its values about.
  private func whole(item: Int?, into output: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    var parts: [[Float]] = []
    for source in plan.sources {
      let own = try item.map { item throws(CheckpointError) in
        try source.selecting([item..<item + 1], name: source.name)
      }
      parts.append(try (own ?? source).readFloats(finite: true))
    }
    let values = TransformSteps.joined(parts, plan.parts.map(\.steps), as: plan.type.elementType ?? .f32)
    guard let item, let factors = try guidance?.values() else { return try encode(values, into: output) }
    try values.withUnsafeBufferPointer { values throws(CheckpointError) in
      encode(
        values, try RowCodec(plan.type, kernels: kernels), factors, firstRow: item * (values.count / columnCount),
        into: output)
    }
  }

  /// Writes one half of the blocks that a range of its bytes stands for.
  private func split(
    _ values: Range<Int>, _ half: BlockHalf, into output: UnsafeMutableRawBufferPointer, _ space: Workspace
  ) throws(CheckpointError) {
    let weights = values.lowerBound * half.weightsPerByte..<values.upperBound * half.weightsPerByte
    let bytes = space.bytes(weights.count / MXFP4.blockElements * MXFP4.blockBytes)
    try gather(weights, into: bytes)
    switch half {
    case .words: MXFP4Words.words(of: UnsafeRawBufferPointer(bytes), into: output)
    case .scales: MXFP4Words.scales(of: UnsafeRawBufferPointer(bytes), into: output)
    }
  }

  /// Rows of parts that are stored in different types, each decoded by itself.
  private func mix(
    _ values: Range<Int>, into output: UnsafeMutableRawBufferPointer, _ space: Workspace
  ) throws(CheckpointError) {
    let floats = space.floats(values.count)
    let rows = values.lowerBound / columnCount..<values.upperBound / columnCount
    for piece in join?.pieces(of: rows) ?? [] {
      let source = plan.parts[piece.part].source
      let range = piece.rows.lowerBound * columnCount..<piece.rows.upperBound * columnCount
      let (elements, size) = (source.type.blockElements, source.type.blockBytes)
      let bytes = space.bytes(range.count / elements * size)
      try source.readBlocks(into: bytes, at: range.lowerBound / elements * size)
      let place = piece.place * columnCount
      let target = UnsafeMutableBufferPointer(rebasing: floats[place..<place + range.count])
      try RowCodec(source.type, kernels: kernels).decode(UnsafeRawBufferPointer(bytes), into: target)
      _ = try check(target, first: range.lowerBound, of: plan.parts[piece.part])
    }
    encode(
      UnsafeBufferPointer(floats), try RowCodec(plan.type, kernels: kernels), try guidance?.values(),
      firstRow: rows.lowerBound, into: output)
  }

  /// Reads a range of the output's values as its parts, all of one type, store them.
  private func gather(_ values: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    let type = plan.parts[0].source.type
    guard let join else {
      let count = max(1, plan.parts[0].source.shape.elementCount)
      let index = min(values.lowerBound / count, plan.parts.count - 1)
      let first = index * count
      return try read(values.lowerBound - first..<values.upperBound - first, of: plan.parts[index], into: target)
    }
    let width = plan.parts[0].source.shape.columns
    let rowBytes = width / type.blockElements * type.blockBytes
    for piece in join.pieces(of: values.lowerBound / width..<values.upperBound / width) {
      let bytes = piece.place * rowBytes..<(piece.place + piece.rows.count) * rowBytes
      try plan.parts[piece.part].source.readBlocks(
        into: UnsafeMutableRawBufferPointer(rebasing: target[bytes]), at: piece.rows.lowerBound * rowBytes)
    }
  }

  private func stream(
    _ values: Range<Int>, into output: UnsafeMutableRawBufferPointer, _ space: Workspace
  ) throws(CheckpointError) {
    let (part, start) = join == nil ? part(of: values) : (plan.parts[0], 0)
    let (source, columns) = (part.source, part.columns)
    let isSame = source.type == plan.type
    func read(into target: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
      guard join == nil else { return try gather(values, into: target) }
      try self.read(values.lowerBound - start..<values.upperBound - start, of: part, into: target)
    }
    if isSame, columns == nil { return try read(into: output) }
    let guidance = try guidance?.values()
    let bytes = space.bytes(values.count / source.type.blockElements * source.type.blockBytes)
    try read(into: bytes)
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
      columnCount <= Self.stripe || columns != nil || guidance != nil
      ? max(1, Self.stripe / columnCount) * columnCount : Self.stripe
    var done = 0
    while done < values.count {
      let range = done..<min(values.count, done + stripe)
      var floats = space.floats(2 * range.count)
      floats = UnsafeMutableBufferPointer(rebasing: floats[..<range.count])
      from.decode(slice(stored, range, source.type), into: floats)
      let largest = try check(floats, first: values.lowerBound - start + done, of: part)
      if movesFloats, let columns {
        let other = UnsafeMutableBufferPointer(rebasing: space.floats[range.count..<2 * range.count])
        for row in 0..<range.count / columnCount {
          for column in 0..<columnCount {
            other[row * columnCount + column] = floats[row * columnCount + columns.source(of: column)]
          }
        }
        floats = other
      }
      let target = range.lowerBound / plan.type.blockElements * plan.type.blockBytes
      let size = range.count / plan.type.blockElements * plan.type.blockBytes
      let blocks = UnsafeMutableRawBufferPointer(rebasing: output[target..<target + size])
      encode(
        UnsafeBufferPointer(floats), to, guidance, firstRow: (values.lowerBound + done) / columnCount, into: blocks)
      if largest > Self.safeMagnitude || guidance != nil {
        try checkScales(blocks, first: values.lowerBound + done, largest, source)
      }
      done = range.upperBound
    }
  }

  /// Packs a stripe: as one by the plain rule, row by row with importance, whose rules look at whole rows.
  private func encode(
    _ values: UnsafeBufferPointer<Float>, _ codec: RowCodec, _ importance: [Float]?, firstRow: Int,
    into output: UnsafeMutableRawBufferPointer
  ) {
    guard let importance else { return codec.encode(values, importance: nil, into: output) }
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

  /// Reads a range of a part's values, rows taken from where the source has them.
  private func read(
    _ values: Range<Int>, of part: TensorPart, into target: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let source = part.source
    let (elements, size) = (source.type.blockElements, source.type.blockBytes)
    guard let rows = part.rows else {
      return try source.readBlocks(into: target, at: values.lowerBound / elements * size)
    }
    let rowBytes = columnCount / elements * size
    try rows.pieces(of: values.lowerBound / columnCount..<values.upperBound / columnCount) {
      (row, count, place) throws(CheckpointError) in
      let bytes = place * rowBytes..<(place + count) * rowBytes
      try source.readBlocks(into: UnsafeMutableRawBufferPointer(rebasing: target[bytes]), at: row * rowBytes)
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
      let rule = "value \(index) would become \(value), which \(plan.type.name) cannot hold; use F32"
      throw plan.sources.first?.failure(.malformed, rule) ?? CheckpointError(.malformed, rule, tensor: plan.name)
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
  /// `first` is the index of the first value in the part. Returns the largest magnitude among values that become blocks.
  private func check(
    _ values: UnsafeMutableBufferPointer<Float>, first: Int, of part: TensorPart
  ) throws(CheckpointError) -> Float {
    // Numbers that were read are finite, but the blocks of MXFP4 may stand for larger ones than F32 has.
    if plan.type == .f32, !part.source.type.isBlock { return 0 }
    let limit = Self.limit(of: plan.type)
    // The bits of magnitudes order like the magnitudes, with NaN above infinity.
    var largest: UInt32 = 0
    for value in values { largest = max(largest, value.bitPattern & 0x7FFF_FFFF) }
    guard largest > limit.bitPattern else { return Float(bitPattern: largest) }
    for (offset, value) in values.enumerated() where value.bitPattern & 0x7FFF_FFFF > limit.bitPattern {
      let (row, column) = (first + offset).quotientAndRemainder(dividingBy: columnCount)
      let index = (part.rows?.source(of: row) ?? row) * columnCount + column
      let other = plan.type == .bf16 ? "F32" : "BF16 or F32"
      throw part.source.failure(
        .malformed, "value \(index) is \(value), which is too large for \(plan.type.name); use \(other)")
    }
    return Float(bitPattern: largest)
  }

  /// Up to here no format's scale leaves the range of F16 without importance.
  private static let safeMagnitude: Float = 4096

  /// Refuses blocks whose scale has become infinite or NaN, as llama-quantize does.
  private func checkScales(
    _ blocks: UnsafeMutableRawBufferPointer, first: Int, _ largest: Float, _ source: TensorEntry
  ) throws(CheckpointError) {
    guard let block = ScaleCheck.firstBadBlock(of: plan.type, in: UnsafeRawBufferPointer(blocks)) else { return }
    let index = first / plan.type.blockElements + block
    throw source.failure(
      .malformed,
      "the scale of \(plan.type.name) block \(index) would not be a finite number; magnitudes reach \(largest) there")
  }
}
