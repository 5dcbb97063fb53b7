import Containers
import Engine
import Images
import Base

extension Qwen35 {
  package func visionEncoder(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any VisionEncoder)? {
    guard let vision = configuration.vision, names.vision != nil else { return nil }
    return try Encoder(checkpoint, configuration: vision, rules: rules, dialect: dialect)
  }

  /// The vision encoder of a Qwen3.5, run on its weights as stored.
  ///
  /// Source of the formulas: the published model definition, as written down in formats/architectures/qwen35.md.
  package struct Encoder: VisionEncoder {
    package let configuration: Vision
    /// One matrix a frame, each [hidden, channels * patch area].
    let patch_embd: [WeightMatrix]
    let patch_embd_bias: [Float]
    /// The table of position embeddings, [positions, hidden].
    package let positionTable: [Float]
    let blocks: [VisionBlock]
    let post_ln: LayerNorm
    let mm_0: BiasedMatrix  // [merged, merged]
    let mm_2: BiasedMatrix  // [out, merged]
    let attention: PatchAttention
    let rotary: RotaryEmbedding

    package var outputWidth: Int { configuration.outHiddenSize }
    package var mergeSize: Int { configuration.mergeSize }

    /// Looks up all weights, of which only vectors and the position table are read.
    ///
    /// - Throws: `missing` with names, `mismatch` where a shape contradicts the configuration, `unsupported` for a block format
    ///   without a codec.
    init(_ checkpoint: Checkpoint, configuration c: Vision, rules: [TensorRule], dialect: Dialect)
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
      blocks = try (0..<c.depth).map { index throws(CheckpointError) in
        let blk = "v.blk.\(index)."
        return VisionBlock(
          ln1: try loader.layerNorm(blk + "ln1", c), attn_qkv: try loader.biased(blk + "attn_qkv"),
          attn_out: try loader.biased(blk + "attn_out"), ln2: try loader.layerNorm(blk + "ln2", c),
          ffn_up: try loader.biased(blk + "ffn_up"), ffn_down: try loader.biased(blk + "ffn_down"))
      }
      post_ln = try loader.layerNorm("v.post_ln", c)
      mm_0 = try loader.biased("mm.0")
      mm_2 = try loader.biased("mm.2")
      attention = PatchAttention(heads: c.heads, dimension: c.headDimension)
      rotary = RotaryEmbedding(gridDimension: c.headDimension, theta: 10_000)
    }

    package func encode(_ patches: Patches, compute: Compute, observer: VisionObserver?) throws(CheckpointError)
      -> Activations
    {
      let c = configuration
      guard patches.width == c.patchWidth else {
        throw CheckpointError(
          .mismatch, "patches have \(patches.width) values; the vision encoder reads \(c.patchWidth)")
      }
      let block = c.mergeSize * c.mergeSize
      let result = Activations(rows: patches.count / block, columns: c.outHiddenSize)
      var (patch, token) = (0, 0)
      for grid in patches.grids {
        guard grid.frames == 1, grid.rows % c.mergeSize == 0, grid.columns % c.mergeSize == 0 else {
          throw CheckpointError(
            .unsupported, "a grid of \(grid.frames)x\(grid.rows)x\(grid.columns) patches is not a still picture")
        }
        let rows = patches.values[patch * patches.width..<(patch + grid.count) * patches.width]
        let merged = picture(rows, grid, compute, observer)
        result.replace(from: token, by: merged, 0..<merged.rows)
        patch += grid.count
        token += merged.rows
      }
      return result
    }

    /// One picture: its patches to its tokens.
    private func picture(
      _ values: ArraySlice<Float>, _ grid: Patches.Grid, _ compute: Compute, _ observer: VisionObserver?
    ) -> Activations {
      let c = configuration
      let places = c.places(grid)
      let x = embed(values, count: grid.count, compute)  // [N, hidden]
      observer?("vision.patch_embed", x)
      x.add(positions(grid, places), compute)
      let turns = rotary.table(
        Positions(axes: [places.map { _ in 0 }, places.map { Int32($0.row) }, places.map { Int32($0.column) }]))
      for (index, w) in blocks.enumerated() {
        let qkv = w.attn_qkv(w.ln1(x, compute), compute)  // [N, 3 * hidden]
        x.add(w.attn_out(attention(qkv, turns: turns, rotary: rotary, compute), compute), compute)
        let inner = w.ffn_up(w.ln2(x, compute), compute)
        GELU.approximate(inner, compute)
        x.add(w.ffn_down(inner, compute), compute)
        observer?("vision.block.\(index)", x)
      }
      let normed = post_ln(x, compute)
      // Patches that become one token are neighbours: four rows are one row four times as wide.
      let block = c.mergeSize * c.mergeSize
      let wide = Activations(rows: normed.rows / block, columns: normed.columns * block, normed.values)
      let inner = mm_0(wide, compute)
      GELU.exact(inner, compute)
      let merged = mm_2(inner, compute)
      observer?("vision.merged", merged)
      return merged
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
}

extension Qwen35.Vision {
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

extension Qwen35 {
  /// One block: attention and a feed-forward part, each behind a norm.
  struct VisionBlock: Sendable {
    let ln1: LayerNorm
    let attn_qkv: BiasedMatrix  // [3 * hidden, hidden]
    let attn_out: BiasedMatrix
    let ln2: LayerNorm
    let ffn_up: BiasedMatrix
    let ffn_down: BiasedMatrix
  }

  /// A matrix with a bias for each of its rows.
  struct BiasedMatrix: Sendable {
    let weight: WeightMatrix
    let bias: [Float]

    func callAsFunction(_ x: Activations, _ compute: Compute) -> Activations {
      let y = compute(x, weight)
      y.add(bias: bias, compute)
      return y
    }
  }
}

extension WeightLoader {
  fileprivate func biased(_ name: String) throws(CheckpointError) -> Qwen35.BiasedMatrix {
    Qwen35.BiasedMatrix(weight: try matrix(name + ".weight"), bias: try values(name + ".bias"))
  }

  fileprivate func layerNorm(_ name: String, _ c: Qwen35.Vision) throws(CheckpointError) -> LayerNorm {
    LayerNorm(weight: try values(name + ".weight"), bias: try values(name + ".bias"), epsilon: c.epsilon)
  }
}
