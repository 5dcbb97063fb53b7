import Base

extension HuggingFaceFolder {
  /// The scheme by which the folder's weights were packed, as its people call it; `nil` when they are plain.
  ///
  /// `config.json` tells: `quantization_config.quant_method`, or MLX's `quantization`.
  package var packedScheme: String? {
    guard let config else { return nil }
    for place in [config, config["text_config"]].compactMap({ $0 }) {
      if let scheme = Self.scheme(of: place) { return scheme }
    }
    return nil
  }

  private static func scheme(of config: OrderedJSON) -> String? {
    if let method = config["quantization_config"]?["quant_method"]?.stringValue {
      return knownMethods[method] ?? shortened(method, limit: 40)
    }
    // MLX writes the same object under both keys, without a method.
    for key in ["quantization", "quantization_config"] {
      if case .object(let object)? = config[key], object["bits"] != nil || object["group_size"] != nil { return "MLX" }
    }
    if case .object? = config["quantization_config"] { return "an unnamed scheme" }
    return nil
  }

  private static let knownMethods: [String: String] = [
    "gptq": "GPTQ", "awq": "AWQ", "compressed-tensors": "compressed-tensors", "bitsandbytes": "bitsandbytes",
    "fp8": "FP8 with block scales", "fbgemm_fp8": "FBGEMM FP8", "mxfp4": "MXFP4", "hqq": "HQQ", "aqlm": "AQLM",
    "quanto": "Quanto", "eetq": "EETQ", "torchao": "torchao", "modelopt": "ModelOpt", "quark": "Quark",
    "auto-round": "AutoRound", "vptq": "VPTQ", "bitnet": "BitNet", "higgs": "HIGGS", "spqr": "SpQR",
  ]
}
