import Quants
import Base

extension Recipe {
  /// When a rule applies; one word of a recipe's text.
  package indirect enum Condition: Sendable, Equatable {
    /// What the tensor is for.
    case role(Role)
    /// A regular expression that is found anywhere in the GGUF name.
    case pattern(String)
    /// Where the tensor stands among those of its role.
    case place(Place)
    /// Several matrices in one tensor: the experts of a layer.
    case stacked
    /// Whether rows are whole blocks of the base type.
    case fits
    /// The type that the rules before have given.
    case type(TensorType)
    /// Whether importance is used at all.
    case importance
    /// The value of `general.architecture`.
    case architecture(String)
    /// Whether this is one of the 70B models: 80 layers that share keys and values between heads.
    case is70B
    /// At least so many query heads for each key and value head.
    case groups(atLeast: Int)
    /// At least so many experts.
    case experts(atLeast: Int)
    /// Exactly so many experts.
    case expertCount(Int)
    /// The opposite.
    case not(Condition)
  }

  /// What a tensor is for, by its name.
  package enum Role: String, Sendable, CaseIterable {
    /// The head, or the embedding table that serves as one.
    case head
    /// An embedding table that is not the head.
    case embedding
    /// Attention values, alone or together with queries and keys.
    case attn_v
    case attn_k
    case attn_q
    case attn_output
    case ffn_up
    case ffn_gate
    case ffn_down
    case other
  }

  /// Where a tensor stands among those of its role, in the order of blocks.
  package enum Place: Sendable, Equatable {
    /// Among the first so many.
    case first(Int)
    /// In the first part of so many of the layers.
    case firstPart(Int)
    /// The same by counting tensors, even where experts make several a layer.
    case firstPartByCount(Int)
    /// Neither in the first part of so many nor in the last.
    case inner(Int)
    /// In the first eighth, the last, or every third between.
    case moreBits
  }
}

extension Recipe.Condition {
  /// The condition without its negation.
  var positive: Recipe.Condition {
    if case .not(let condition) = self { condition } else { self }
  }
}

extension Recipe.Role {
  /// The role of a GGUF name; `isTied` says that the embedding table is the head too.
  init(_ name: String, isTied: Bool) {
    if name == "output.weight" {
      self = .head
    } else if name == "token_embd.weight" || name == "per_layer_token_embd.weight" {
      self = isTied ? .head : .embedding
    } else {
      self = Self.parts.first { name.hasBytes(of: $0.part) }?.role ?? .other
    }
  }

  /// The first part found in a name decides.
  private static let parts: [(part: String, role: Recipe.Role)] = [
    ("attn_qkv.weight", .attn_v), ("attn_kv_b.weight", .attn_v), ("attn_v.weight", .attn_v), ("attn_k.weight", .attn_k),
    ("attn_q.weight", .attn_q), ("attn_output.weight", .attn_output), ("ffn_up", .ffn_up), ("ffn_gate", .ffn_gate),
    ("ffn_down", .ffn_down),
  ]
}
