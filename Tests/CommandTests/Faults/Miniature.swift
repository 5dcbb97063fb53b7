import Foundation
import TestSupport

/// The small model of the fixtures with two decoder layers and one vision block: a third of the size, for tests that run the
/// program hundreds of times.
enum Miniature {
  /// Writes the model as a Hugging Face folder.
  static func write(to folder: String) throws {
    let manager = FileManager.default
    let source = Fixtures.path("tiny-qwen3.5")
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for name in ["chat_template.jinja", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"] {
      try manager.copyItem(atPath: "\(source)/\(name)", toPath: "\(folder)/\(name)")
    }
    try configuration(source + "/config.json").write(to: URL(filePath: folder + "/config.json"))
    try weights(source + "/model.safetensors").write(to: URL(filePath: folder + "/model.safetensors"))
  }

  private static func object(_ data: Data) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }

  private static func configuration(_ path: String) throws -> Data {
    var all = try object(Data(contentsOf: URL(filePath: path)))
    var text = all["text_config"] as? [String: Any] ?? [:]
    text["num_hidden_layers"] = 2
    text["layer_types"] = ["linear_attention", "full_attention"]
    text["mtp_num_hidden_layers"] = 0
    var vision = all["vision_config"] as? [String: Any] ?? [:]
    vision["depth"] = 1
    all["text_config"] = text
    all["vision_config"] = vision
    return try JSONSerialization.data(withJSONObject: all, options: [.sortedKeys])
  }

  /// The name of a tensor in the smaller model, if it is there: layers 0 and 3, which is the first with full attention.
  private static func renamed(_ name: String) -> String? {
    let layer = "model.language_model.layers."
    if name.hasPrefix(layer + "0.") { return name }
    if name.hasPrefix(layer + "3.") { return layer + "1." + name.dropFirst(layer.count + 2) }
    if name.hasPrefix(layer) || name.hasPrefix("mtp.") { return nil }
    let block = "model.visual.blocks."
    return name.hasPrefix(block) && !name.hasPrefix(block + "0.") ? nil : name
  }

  private static func weights(_ path: String) throws -> Data {
    let file = try Data(contentsOf: URL(filePath: path))
    let headerEnd = 8 + (0..<8).reduce(0) { $0 | Int(file[$1]) << ($1 * 8) }
    var header: [String: Any] = [:]
    var bytes = Data()
    for (name, entry) in try object(file[8..<headerEnd]).sorted(by: { $0.key < $1.key }) {
      guard var tensor = entry as? [String: Any], let offsets = tensor["data_offsets"] as? [Int],
        let new = renamed(name)
      else { continue }
      let start = bytes.count
      bytes += file[headerEnd + offsets[0]..<headerEnd + offsets[1]]
      tensor["data_offsets"] = [start, bytes.count]
      header[new] = tensor
    }
    let text = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
    return Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }) + text + bytes
  }
}
