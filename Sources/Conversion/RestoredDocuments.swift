import Architectures
import Containers
import Tensors

/// The documents of a restored Hugging Face folder: those the GGUF carries, and the others rebuilt from its metadata.
struct RestoredDocuments {
  let model: any Architecture
  let text: Checkpoint
  let vision: Checkpoint?

  /// All documents, by file name.
  func all() throws(CheckpointError) -> [(name: String, bytes: [UInt8])] {
    let metadata = text.metadata
    var documents: [(name: String, bytes: [UInt8])] = [
      ("config.json", Provenance.document("config", in: metadata) ?? pretty(model.configurationJSON()))
    ]
    if let bytes = Provenance.document("generation_config", in: metadata) {
      documents.append(("generation_config.json", bytes))
    }
    if let vision {
      let carried = Provenance.document("preprocessor_config", in: vision.metadata)
      if let bytes = carried ?? model.preprocessorJSON(mmproj: vision.metadata).map(pretty) {
        documents.append(("preprocessor_config.json", bytes))
      }
    }
    guard metadata.strings("tokenizer.ggml.tokens") != nil else { return documents }
    let tokenizer = RestoredTokenizer(checkpoint: text)
    documents.append(("tokenizer.json", try tokenizer.tokenizerJSON()))
    let carried = Provenance.document("tokenizer_config", in: metadata)
    var configuration: OrderedJSON?
    if let carried {
      configuration = try OrderedJSON(parsing: carried, file: text.path, memory: MemoryBudget.documents)
      documents.append(("tokenizer_config.json", carried))
    } else {
      documents.append(("tokenizer_config.json", pretty(try tokenizer.configurationJSON())))
    }
    if let template = metadata.string("tokenizer.chat_template"),
      Provenance.hasTemplateFile(metadata) || configuration?["chat_template"] == nil
    {
      documents.append((Provenance.templateFile, Array(template.utf8)))
    }
    return documents
  }

  private func pretty(_ json: OrderedJSON) -> [UInt8] { json.serialized(pretty: true) }
}
