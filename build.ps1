<#
.SYNOPSIS
Builds, tests or packages ZipLM, in PowerShell 7.6 and in ziplm.
.DESCRIPTION
Build and Test work on the whole solution; Package makes out/ZipLM, a folder that can be installed or published.
A session that has imported the module from this folder (ziplm always has) holds its files. It builds into out/build
instead, with a module of its own there, so that nothing is written where it runs from.
.EXAMPLE
./build.ps1 -Task Package -TorchBackend cuda
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Package')]
    [string] $Task = 'Build',

    # cuda needs a connection to a registry that has libtorch's CUDA packages.
    [ValidateSet('cpu', 'cuda')]
    [string] $TorchBackend = 'cpu',

    [ValidateSet('Release', 'Debug')]
    [string] $Configuration = 'Release'
)

$ErrorActionPreference = 'Stop'
$solution = "$PSScriptRoot/ZipLM.PS.sln"
$common = @('-c', $Configuration, "-p:TorchBackend=$TorchBackend")

$imported = Get-Module -Name ZipLM | Where-Object { $_.ModuleBase -eq $PSScriptRoot }
if ($imported) {
    $staging = "$PSScriptRoot/out/build"
    $common += '--artifacts-path', "$staging/artifacts", "-p:ModuleRoot=$staging/"
}

switch ($Task) {
    'Build' { dotnet build $solution @common }
    'Test' { dotnet test --solution $solution @common }
    'Package' {
        $package = "$PSScriptRoot/out/ZipLM"
        if (Get-Module -Name ZipLM | Where-Object { $_.ModuleBase -eq $package }) {
            throw "This session has imported the module from '$package', which Package makes anew: run it in another session."
        }
        if ([IO.Directory]::Exists($package)) { [IO.Directory]::Delete($package, $true) }
        $common = @('-c', $Configuration, "-p:TorchBackend=$TorchBackend", '--artifacts-path', "$PSScriptRoot/out/package/$TorchBackend", "-p:ModuleRoot=$package/")
        dotnet build "$PSScriptRoot/src/ZipLM.PowerShell/ZipLM.PowerShell.csproj" @common
    }
}

if ($LASTEXITCODE -ne 0) { throw "$Task failed: dotnet ended with exit code $LASTEXITCODE." }
if ($Task -eq 'Package') { "The module is in $package." }
