@{
  RootModule = 'module/bin/ZipLM.PowerShell.dll'
  ModuleVersion = '0.1.0'
  GUID = '0d49cd16-7a68-42c8-995a-98f9359c7cfa'
  Author = 'ZipLM for PowerShell contributors'
  CompanyName = 'ZipLM for PowerShell contributors'
  Copyright = '(c) ZipLM for PowerShell contributors. MIT licence.'
  Description = 'Makes language models smaller and measurably faster by structured pruning, from a PowerShell pipeline.'
  PowerShellVersion = '7.6'
  CompatiblePSEditions = @('Core')
  TypesToProcess = @('module/ZipLM.types.ps1xml')
  FormatsToProcess = @('module/ZipLM.format.ps1xml')
  CmdletsToExport = @(
    'Connect-GpuSession', 'Get-GpuSession', 'Disconnect-GpuSession',
    'Get-Model', 'New-Model', 'Import-TextDataset',
    'Measure-LayerLatency', 'Export-LatencyTable', 'Import-LatencyTable',
    'Get-StructureSaliency', 'Invoke-StructuredPrune',
    'Start-ModelTraining', 'Start-TokenDistillation',
    'Measure-Model', 'Export-Model',
    'New-CompressionRecipe', 'Invoke-CompressionRecipe', 'Get-CompressionRun', 'New-CompressionReport',
    'Test-ZipLMEnvironment'
  )
  FunctionsToExport = @()
  VariablesToExport = @()
  AliasesToExport = @()
  PrivateData = @{
    PSData = @{
      Tags = @('PSEdition_Core', 'Linux', 'MachineLearning', 'LanguageModel', 'Pruning', 'Compression', 'Distillation', 'BERT', 'TorchSharp')
      LicenseUri = 'https://opensource.org/licenses/MIT'
      ProjectUri = 'https://arxiv.org/abs/2302.04089'
    }
  }
}
