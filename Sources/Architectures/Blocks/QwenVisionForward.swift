import Base
import Containers
import Engine
import Images

/// The vision encoder of Qwen3-VL and Qwen3.5, run on its weights as stored.
///
/// Source of the formulas: the published model definitions, as written down in formats/architectures/qwen35-vision.md.
package struct QwenEncoder: VisionEncoder {
  package let configuration: QwenVision
  /// One matrix a frame, each [hidden, channels * patch area].
  let patch_embd: [WeightMatrix]
  let patch_embd_bias: [Float]
  /// The table of position embeddings, [positions, hidden].
  package let positionTable: [Float]
  let blocks: [VisionBlock]
  let merger: Merger
  /// Mergers behind the blocks that `configuration.deepstack` lists.
  let deepstack: [Merger]
  let rotary: RotaryEmbedding

  package var outputWidth: Int { configuration.outHiddenSize }
  package var mergeSize: Int { configuration.mergeSize }

  /// What makes one row for the text model of the patches of a token.
  struct Merger: Sendable {
    let norm: LayerNorm
    let first: Projection  // [merged, merged]
    let second: Projection  // [out, merged]

    /// Normed is each patch, or the patches of a token together, as wide as the norm is: [N, hidden] to [N / block, out].
    func callAsFunction(_ x: Activations, block: Int, _ compute: Compute) -> Activations {
      let isWide = norm.weight.count > x.columns
      let narrow = isWide ? x : norm(x, compute)
      // Patches that become one token are neighbours: four rows are one row four times as wide.
      let wide = Activations(rows: narrow.rows / block, columns: narrow.columns * block, narrow.values)
      let inner = first(isWide ? norm(wide, compute) : wide, compute)
      GELU.exact(inner, compute)
      return second(inner, compute)
    }
  }

  /// Looks up all weights, of which only vectors and the position table are read.
  ///
  /// - Throws: `missing` with names, `mismatch` where a shape contradicts the configuration, `unsupported` for a block format
  ///   without a codec.
  init(_ checkpoint: Checkpoint, configuration c: QwenVision, rules: [TensorRule], dialect: Dialect)
    throws(CheckpointError)
  {
    guard dialect == .huggingFace else {
      throw CheckpointError(
        .unsupported, "a vision encoder in MLX's dialect cannot be run; convert it to GGUF", file: checkpoint.path)
    }
    configuration = c
    let loader = try WeightLoader(checkpoint, rules: rules, part: .vision)
    patch_embd = [try loader.flattened("v.patch_embd.weight"), try loader.flattened("v.patch_embd.weight.1")]
    patch_embd_bias = try loader.values("v.patch_embd.bias")
    positionTable = try loader.values("v.position_embd.weight")
    let attention = PatchAttention(heads: c.heads, dimension: c.headDimension)
    blocks = try (0..<c.depth).map { index throws(CheckpointError) in
      try VisionBlock(loader, "v.blk.\(index).", attention, epsilon: c.epsilon)
    }
    func merger(_ norm: String, _ first: String, _ second: String) throws(CheckpointError) -> Merger {
      Merger(
        norm: try loader.layerNorm(norm, c.epsilon), first: try loader.projection(first),
        second: try loader.projection(second))
    }
    self.merger = try merger("v.post_ln", "mm.0", "mm.2")
    deepstack = try c.deepstack.map { block throws(CheckpointError) in
      let name = "v.deepstack.\(block)."
      return try merger(name + "norm", name + "fc1", name + "fc2")
    }
    rotary = RotaryEmbedding(gridDimension: c.headDimension, theta: 10_000)
  }

  package func encode(_ patches: Patches, compute: Compute, observer: VisionObserver?) throws(CheckpointError)
    -> PictureRows
  {
    let c = configuration
    guard patches.width == c.patchWidth, !patches.isWhole else {
      throw CheckpointError(
        .mismatch, "patches have \(patches.width) values; the vision encoder reads \(c.patchWidth)")
    }
    let block = c.mergeSize * c.mergeSize
    let results = (0...deepstack.count).map { _ in
      Activations(rows: patches.count / block, columns: c.outHiddenSize)
    }
    var (patch, token) = (0, 0)
    for grid in patches.grids {
      guard grid.frames == 1, grid.rows % c.mergeSize == 0, grid.columns % c.mergeSize == 0 else {
        throw CheckpointError(
          .unsupported, "a grid of \(grid.frames)x\(grid.rows)x\(grid.columns) patches is not a still picture")
      }
      let rows = patches.values[patch * patches.width..<(patch + grid.count) * patches.width]
      let parts = picture(rows, grid, compute, observer)
      for (result, part) in zip(results, parts) { result.replace(from: token, by: part, 0..<part.rows) }
      patch += grid.count
      token += grid.count / block
    }
    return PictureRows(results[0], added: Array(results.dropFirst()))
  }

  /// One picture: its patches to its tokens, and to what the deep stack adds to them.
  private func picture(
    _ values: ArraySlice<Float>, _ grid: Patches.Grid, _ compute: Compute, _ observer: VisionObserver?
  ) -> [Activations] {
    let c = configuration
    let block = c.mergeSize * c.mergeSize
    let places = c.places(grid)
    let x = embed(values, count: grid.count, compute)  // [N, hidden]
    observer?("vision.patch_embed", x)
    x.add(positions(grid, places), compute)
    let turns = PatchTurns(rotary, at: places)
    var added: [Activations] = []
    for (index, w) in blocks.enumerated() {
      w(x, turns: turns, compute)
      observer?("vision.block.\(index)", x)
      guard let place = c.deepstack.firstIndex(of: index) else { continue }
      added.append(deepstack[place](x, block: block, compute))
      observer?("vision.deepstack.\(place)", added[added.count - 1])
    }
    let merged = merger(x, block: block, compute)
    observer?("vision.merged", merged)
    return [merged] + added
  }

  /// The convolution over a patch, which is a product: [N, channels * frames * area] to [N, hidden].
  private func embed(_ values: ArraySlice<Float>, count: Int, _ compute: Compute) -> Activations {
    let c = configuration
    // The kernel is cut into its frames, as in GGUF; the patch is cut alike.
    let area = c.patchSize * c.patchSize
    let x = Activations(rows: count, columns: c.hiddenSize)
    x.clear()
    for (frame, weight) in patch_embd.enumerated() {
      var part: [Float] = []
      part.reserveCapacity(count * c.channels * area)
      for plane in 0..<count * c.channels {
        let start = values.startIndex + (plane * c.temporalPatchSize + frame) * area
        part += values[start..<start + area]
      }
      x.add(compute(Activations(rows: count, columns: c.channels * area, part), weight), compute)
    }
    x.add(bias: patch_embd_bias, compute)
    return x
  }

  /// The position table stretched over the grid: corners meet corners, bilinear between entries.
  private func positions(_ grid: Patches.Grid, _ places: [(row: Int, column: Int)]) -> Activations {
    let side = configuration.positionSide
    let width = configuration.hiddenSize
    func entry(_ index: Int, of count: Int) -> (Int, Int, Float) {
      let at = count > 1 ? Double(index) * Double(side - 1) / Double(count - 1) : 0
      let low = min(side - 1, Int(at))
      return (low, min(side - 1, low + 1), Float(at - Double(low)))
    }
    let result = Activations(rows: places.count, columns: width)
    for (index, place) in places.enumerated() {
      let (top, bottom, down) = entry(place.row, of: grid.rows)
      let (left, right, across) = entry(place.column, of: grid.columns)
      let corners = [
        (top * side + left, (1 - down) * (1 - across)), (top * side + right, (1 - down) * across),
        (bottom * side + left, down * (1 - across)), (bottom * side + right, down * across),
      ]
      result.withElements { all in
        for column in 0..<width {
          var sum: Float = 0
          for (corner, share) in corners { sum += positionTable[corner * width + column] * share }
          all[index * width + column] = sum
        }
      }
    }
    return result
  }
}

extension QwenVision {
  /// Where each patch of a grid lies, in the order of `pixel_values`: block by block, row-major inside.
  func places(_ grid: Patches.Grid) -> [(row: Int, column: Int)] {
    var result: [(row: Int, column: Int)] = []
    result.reserveCapacity(grid.count)
    for blockRow in stride(from: 0, to: grid.rows, by: mergeSize) {
      for blockColumn in stride(from: 0, to: grid.columns, by: mergeSize) {
        for row in blockRow..<blockRow + mergeSize {
          for column in blockColumn..<blockColumn + mergeSize { result.append((row, column)) }
        }
      }
    }
    return result
  }
}
