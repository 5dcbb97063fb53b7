import Base
import Containers
import Engine
import Images

extension Gemma3 {
  package func visionEncoder(_ checkpoint: Checkpoint) throws(CheckpointError) -> (any VisionEncoder)? {
    guard let vision = configuration.vision, names.vision != nil else { return nil }
    return try Encoder(checkpoint, configuration: vision, rules: rules)
  }

  /// The vision encoder of a Gemma 3, run on its weights as stored.
  ///
  /// Source of the formulas: the published model definition, as written down in formats/architectures/gemma3.md.
  struct Encoder: VisionEncoder {
    let configuration: Vision
    let patch_embd: WeightMatrix  // [hidden, channels * patch area]
    let patch_embd_bias: [Float]
    /// The table of position embeddings, [patches, hidden].
    let positionTable: [Float]
    let blocks: [VisionBlock]
    let post_ln: LayerNorm
    let soft_emb_norm: RMSNorm
    let projection: WeightMatrix  // [out, hidden]

    var outputWidth: Int { configuration.outHiddenSize }
    var mergeSize: Int { configuration.poolSize }

    /// Looks up all weights, of which vectors, the position table and the projection are read.
    ///
    /// - Throws: `missing` with names, `mismatch` where a shape contradicts the configuration, `unsupported` for a block format
    ///   without a codec.
    init(_ checkpoint: Checkpoint, configuration c: Vision, rules: [TensorRule]) throws(CheckpointError) {
      configuration = c
      let loader = try WeightLoader(checkpoint, rules: rules, part: .vision)
      patch_embd = try loader.flattened("v.patch_embd.weight")
      patch_embd_bias = try loader.values("v.patch_embd.bias")
      positionTable = try loader.values("v.position_embd.weight")
      let attention = PatchAttention(heads: c.heads, dimension: c.headDimension)
      blocks = try (0..<c.depth).map { index throws(CheckpointError) in
        try VisionBlock(loader, "v.blk.\(index).", attention, epsilon: c.epsilon)
      }
      post_ln = try loader.layerNorm("v.post_ln", c.epsilon)
      soft_emb_norm = try loader.rmsNorm("mm.soft_emb_norm.weight", c.epsilon)
      projection = try loader.transposed("mm.input_projection.weight")
    }

    func encode(_ patches: Patches, compute: Compute, observer: VisionObserver?) throws(CheckpointError)
      -> PictureRows
    {
      let c = configuration
      guard patches.isWhole, patches.width == 3 * c.patchSize * c.patchSize,
        patches.grids.allSatisfy({ $0 == Patches.Grid(frames: 1, rows: c.side, columns: c.side) })
      else {
        throw CheckpointError(
          .mismatch, "the vision encoder reads whole pictures of \(c.imageSize)x\(c.imageSize) pixels, uncut")
      }
      let tokens = c.tokenSide * c.tokenSide
      let result = Activations(rows: patches.grids.count * tokens, columns: c.outHiddenSize)
      let size = 3 * c.imageSize * c.imageSize
      for index in patches.grids.indices {
        let rows = picture(patches.values[index * size..<(index + 1) * size], compute, observer)
        result.replace(from: index * tokens, by: rows, 0..<tokens)
      }
      return PictureRows(result)
    }

    /// One picture, [channels, rows, columns], to its tokens.
    private func picture(
      _ values: ArraySlice<Float>, _ compute: Compute, _ observer: VisionObserver?
    ) -> Activations {
      let x = embed(values, compute)  // [N, hidden]
      observer?("vision.patch_embed", x)
      for (index, block) in blocks.enumerated() {
        block(x, turns: nil, compute)
        observer?("vision.block.\(index)", x)
      }
      let normed = post_ln(x, compute)
      observer?("vision.post_norm", normed)
      let pooled = PatchPool.means(normed, side: configuration.side, block: configuration.poolSize, compute)
      let merged = compute(soft_emb_norm(pooled, compute), projection)
      observer?("vision.merged", merged)
      return merged
    }

    /// The convolution over patches, which is a product, and their places: [N, hidden].
    private func embed(_ values: ArraySlice<Float>, _ compute: Compute) -> Activations {
      let c = configuration
      var cut: [Float] = []
      cut.reserveCapacity(values.count)
      for row in 0..<c.side {
        for column in 0..<c.side {
          for line in 0..<3 * c.patchSize {
            let (channel, y) = line.quotientAndRemainder(dividingBy: c.patchSize)
            let start =
              values.startIndex + (channel * c.imageSize + row * c.patchSize + y) * c.imageSize + column * c.patchSize
            cut += values[start..<start + c.patchSize]
          }
        }
      }
      let count = c.side * c.side
      let x = compute(Activations(rows: count, columns: values.count / count, cut), patch_embd)
      x.add(bias: patch_embd_bias, compute)
      x.add(Activations(rows: count, columns: c.hiddenSize, positionTable), compute)
      return x
    }
  }
}
