import Base

/// A small set of weights that is added to those of another model, such as a LoRA: no model by itself.
struct Adapter {
  /// What it is, with its article.
  let kind: String
  /// The model it was made for, as it says.
  let base: String?
  /// Whether the base's weights are there too, with the adapter's beside them.
  var isBesideBase = false

  /// The adapter that a checkpoint is; nil for a model.
  init?(_ checkpoint: Checkpoint) {
    let metadata = checkpoint.metadata
    if checkpoint.format == .gguf {
      guard let type = metadata.string("adapter.type") ?? (metadata.string("general.type") == "adapter" ? "" : nil)
      else { return nil }
      kind = Self.kind(type)
      base = metadata.string("general.base_model.0.name")
      return
    }
    guard let first = checkpoint.tensors.first else { return nil }
    let isNamed = Self.isFileName(Path(first.file.path).name)
    guard isNamed || checkpoint.tensors.contains(where: { Self.isFactor($0.name) }) else { return nil }
    let described = Adapter(folder: Path(first.file.path).folder)
    kind = described?.kind ?? Self.kind("LORA")
    base = described?.base
    isBesideBase = checkpoint.tensors.contains { $0.name.hasBytes(of: ".base_layer.") }
  }

  /// The adapter that a folder's `adapter_config.json` describes; nil without one.
  init?(folder: String) {
    var budget = MemoryBudget(MemoryBudget.documents)
    // It only serves the words of an error: one that cannot be read describes nothing.
    guard let config = try? HuggingFaceFolder.document("adapter_config.json", in: folder, budget: &budget) else {
      return nil
    }
    kind = Self.kind(config["peft_type"]?.stringValue ?? config["fine_tune_type"]?.stringValue ?? "LORA")
    base = config["base_model_name_or_path"]?.stringValue ?? config["model"]?.stringValue
  }

  /// What it is, and of what.
  var description: String {
    let model = base ?? "another model"
    return isBesideBase
      ? "the weights of \(kind) lie beside those of its base \(model); merge them first"
      : "this is \(kind) of \(model); merge it first"
  }

  /// The error of using it as a model.
  func refusal(file: String) -> CheckpointError { CheckpointError(.unsupported, description, file: file) }

  /// Whether a file's name is that of an adapter's weights, as PEFT and MLX write them.
  static func isFileName(_ name: String) -> Bool {
    name == "adapter_model.safetensors" || name == "adapters.safetensors"
  }

  /// Whether a tensor is one of the two factors of a LoRA.
  private static func isFactor(_ name: String) -> Bool {
    [".lora_A.", ".lora_B.", ".lora_embedding_A", ".lora_embedding_B"].contains { name.hasBytes(of: $0) }
      || name.hasSuffix(".lora_a") || name.hasSuffix(".lora_b")
  }

  private static func kind(_ type: String) -> String {
    switch type.lowercased() {
    case "lora": "a LoRA adapter"
    case "dora": "a DoRA adapter"
    case "": "an adapter"
    default: "an adapter (\(type))"
    }
  }
}
