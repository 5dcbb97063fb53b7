import Engine
import Base

extension Qwen35 {
  /// The weights of the text part, matrices as stored bytes, vectors as the numbers the formulas want.
  struct TextWeights: Sendable {
    let embedding: WeightMatrix  // [vocabulary, hidden]
    let head: WeightMatrix  // [vocabulary, hidden]; the embedding itself where the two are tied
    let norm: RMSNorm
    let layers: [Layer]
  }

  /// One decoder layer: a mixer between tokens and a feed-forward part, each behind a norm.
  struct Layer: Sendable {
    let attn_norm: RMSNorm
    let mixer: Mixer
    let post_attention_norm: RMSNorm
    let ffn_gate: WeightMatrix  // [intermediate, hidden]
    let ffn_up: WeightMatrix
    let ffn_down: WeightMatrix  // [hidden, intermediate]
  }

  /// What mixes tokens.
  enum Mixer: Sendable {
    case attention(AttentionWeights)
    case deltaNet(DeltaNetWeights)
  }

  /// Gated attention.
  ///
  /// Rows of `attn_q` hold, head by head, a query and then its output gate.
  struct AttentionWeights: Sendable {
    let attn_q: WeightMatrix  // [2 * heads * dimension, hidden]
    let attn_k: WeightMatrix  // [keyValueHeads * dimension, hidden]
    let attn_v: WeightMatrix
    let attn_output: WeightMatrix  // [hidden, heads * dimension]
    let attn_q_norm: RMSNorm
    let attn_k_norm: RMSNorm
  }

  /// The gated delta net.
  ///
  /// Value heads lie in the order of the file, but for the columns of `ssm_out`: those are multiplied in GGUF's order whatever the file
  /// has, so that a conversion changes no bit of any sum.
  struct DeltaNetWeights: Sendable {
    let attn_qkv: WeightMatrix  // [channels, hidden]
    let attn_gate: WeightMatrix  // [value width, hidden]
    let ssm_beta: WeightMatrix  // [value heads, hidden]
    let ssm_alpha: WeightMatrix
    let ssm_conv1d: CausalConvolution
    let ssm_a: [Float]  // -exp(A_log), one for each value head
    let ssm_dt: [Float]
    let ssm_norm: RMSNorm
    let ssm_out: WeightMatrix  // [hidden, value width]
  }
}

extension Qwen35.TextWeights {
  /// Looks up every weight of the text part.
  init(_ loader: Qwen35.WeightLoader, _ c: Qwen35.Configuration) throws(CheckpointError) {
    embedding = try loader.matrix("token_embd.weight")
    head = c.tied ? embedding : try loader.matrix("output.weight")
    norm = try loader.norm("output_norm.weight", c)
    var layers: [Qwen35.Layer] = []
    for index in 0..<c.layerCount {
      let blk = "blk.\(index)."
      let mixer: Qwen35.Mixer =
        c.layerIsFull[index]
        ? .attention(try Qwen35.AttentionWeights(loader, blk, c))
        : .deltaNet(try Qwen35.DeltaNetWeights(loader, blk, c))
      layers.append(
        Qwen35.Layer(
          attn_norm: try loader.norm(blk + "attn_norm.weight", c), mixer: mixer,
          post_attention_norm: try loader.norm(blk + "post_attention_norm.weight", c),
          ffn_gate: try loader.matrix(blk + "ffn_gate.weight"), ffn_up: try loader.matrix(blk + "ffn_up.weight"),
          ffn_down: try loader.matrix(blk + "ffn_down.weight")))
    }
    self.layers = layers
  }
}

extension Qwen35.AttentionWeights {
  init(_ loader: Qwen35.WeightLoader, _ blk: String, _ c: Qwen35.Configuration) throws(CheckpointError) {
    attn_q = try loader.matrix(blk + "attn_q.weight")
    attn_k = try loader.matrix(blk + "attn_k.weight")
    attn_v = try loader.matrix(blk + "attn_v.weight")
    attn_output = try loader.matrix(blk + "attn_output.weight")
    attn_q_norm = try loader.norm(blk + "attn_q_norm.weight", c)
    attn_k_norm = try loader.norm(blk + "attn_k_norm.weight", c)
  }
}

extension Qwen35.DeltaNetWeights {
  init(_ loader: Qwen35.WeightLoader, _ blk: String, _ c: Qwen35.Configuration) throws(CheckpointError) {
    attn_qkv = try loader.matrix(blk + "attn_qkv.weight")
    attn_gate = try loader.matrix(blk + "attn_gate.weight")
    ssm_beta = try loader.matrix(blk + "ssm_beta.weight")
    ssm_alpha = try loader.matrix(blk + "ssm_alpha.weight")
    ssm_conv1d = CausalConvolution(
      channels: c.convolutionChannels, width: c.convolutionKernel,
      weight: try loader.values(blk + "ssm_conv1d.weight"))
    ssm_a = try loader.values(blk + "ssm_a")
    ssm_dt = try loader.values(blk + "ssm_dt.bias")
    ssm_norm = try loader.norm(blk + "ssm_norm.weight", c)
    ssm_out = try loader.matrix(blk + "ssm_out.weight")
  }
}
