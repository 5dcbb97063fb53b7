import Architectures
import Base

/// What a recipe asks about a model, from the keys of its GGUF metadata.
struct ModelFacts {
  let architecture: String
  /// Layers, the MTP block included; nil where the metadata does not say.
  let blocks: Int?
  /// Query heads for each key and value head of the first layer; 0 where there are none.
  let groups: Int
  /// Experts of a layer; 0 for a dense model.
  let experts: Int
  let is70B: Bool

  init(_ metadata: Metadata) {
    let architecture = metadata.string("general.architecture") ?? ""
    self.architecture = architecture
    func count(_ key: String) -> Int? {
      let key = architecture + "." + key
      // A count that differs from layer to layer is an array; the first layer speaks for all.
      return metadata.uint(key).flatMap { Int(exactly: $0) }
        ?? metadata.integers(key)?.first.flatMap { $0 >= 0 ? Int($0) : nil }
    }
    blocks = count("block_count").flatMap { 1...100_000 ~= $0 ? $0 : nil }
    let heads = count("attention.head_count") ?? 0
    let shared = count("attention.head_count_kv") ?? heads
    groups = shared == 0 ? 0 : heads / shared
    let experts = count("expert_count") ?? 0
    self.experts = experts > 1 ? experts : 0
    let layers = (blocks ?? 0) - (count("nextn_predict_layers") ?? 0)
    is70B =
      switch architecture {
      case "llama": layers == 80 && experts != 8 && heads != shared
      case "qwen2", "deci", "olmo": layers == 80
      case "jais2": layers == 68
      default: false
      }
  }
}

/// Where every tensor stands among those of its role.
///
/// llama-quantize counts on while it goes through the tensors, ordered by block and then by name; so the count of a tensor
/// depends on all before it, and leaving out a block shifts the rest.
struct TensorPlaces {
  struct Count {
    /// How many of the role came before.
    let index: Int
    /// The layer that the rules of feed-forward tensors look at.
    let layer: Int
    /// Out of how many.
    let total: Int
  }

  private var counts: [BinaryString: Count] = [:]
  private var roles: [BinaryString: Recipe.Role] = [:]

  init(_ tensors: [(name: String, shape: Shape)], _ facts: ModelFacts) {
    let isTied = !tensors.contains { $0.name == "output.weight" }
    let ordered = tensors.map {
      (block: TensorName.layer(of: $0.name) ?? -1, name: BinaryString($0.name), shape: $0.shape)
    }
    .sorted { $0.block != $1.block ? $0.block < $1.block : $0.name < $1.name }
    var totals: [Recipe.Role: Int] = [:]
    for tensor in ordered {
      let role = Recipe.Role(tensor.name.text, isTied: isTied)
      roles[tensor.name] = role
      totals[role, default: 0] += 1
    }
    let blocks = facts.blocks ?? Set(ordered.map(\.block)).subtracting([-1]).count
    var seen: [Recipe.Role: Int] = [:]
    for tensor in ordered {
      let role = roles[tensor.name] ?? .other
      guard TypeAssignment.mayQuantize(tensor.name.text, tensor.shape, facts.architecture) else { continue }
      let index = seen[role, default: 0]
      seen[role] = index + 1
      let isForward = role == .ffn_up || role == .ffn_gate || role == .ffn_down
      counts[tensor.name] = Count(
        index: index, layer: isForward && facts.experts > 1 && tensor.block >= 0 ? tensor.block : index,
        total: isForward ? blocks : totals[role] ?? 0)
    }
  }

  func role(of name: String) -> Recipe.Role { roles[BinaryString(name)] ?? .other }

  /// Whether a tensor stands where a rule asks.
  func holds(_ place: Recipe.Place, _ name: String) -> Bool {
    guard let count = counts[BinaryString(name)] else { return false }
    let (layer, total) = (count.layer, count.total)
    switch place {
    case .first(let number): return count.index < number
    case .firstPart(let parts): return layer < total / parts
    case .firstPartByCount(let parts): return count.index < total / parts
    case .inner(let parts): return layer >= total / parts && layer < (parts - 1) * total / parts
    case .moreBits: return layer < total / 8 || layer >= 7 * total / 8 || (layer - total / 8) % 3 == 2
    }
  }
}
